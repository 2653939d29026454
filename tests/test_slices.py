"""A step's gradient: slices beside the whole batch, and any number of workers and ranks beside one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from fake_ranks import FakeRanks, together
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU, MODELS, model_of, rows_of, same_bits, schema_of, shape_for
from torch import Tensor, nn

from reprise.model.losses import loss_sum
from reprise.model.tensors import Rows
from reprise.settings.params import Augment, Train
from reprise.training.augment import draw
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.slices import SlicedGradient, Step, cut

ROWS = 30
CHANGED = Augment(shift=2, flip=True, crop=0.5, rotate=20, contrast=0.3, cutout=3, mixup=0.4)


ENGINES: dict[str, Callable[[nn.Module, Rows, Train], KernelEngine | TorchEngine]] = {
    "kernels": lambda model, data, train: KernelEngine(model, data, train, 1),
    "torch": TorchEngine,
}
chosen = "kernels"  # by the fixture below


def gradient_of(name: str, workers: int = 1, ranks: Ranks | None = None, **train: Any) -> SlicedGradient:
    schema = schema_of(shape_for(name))
    model = model_of(name, schema).train()
    return sliced(model, rows_of(schema, ROWS), Train(**train), workers, ranks)


def sliced(
    model: nn.Module, data: Rows, train: Train, workers: int = 1, ranks: Ranks | None = None
) -> SlicedGradient:
    engine = ENGINES[chosen](model, data, train)
    return SlicedGradient(engine, model, train, Pool(workers), ranks or Ranks())


def named_gradients(gradient: SlicedGradient, parts: list[Tensor]) -> list[Tensor]:
    """The gradients as torch lays them out: the kernels have one tensor of all."""
    engine = gradient.engine
    return engine.packed.views(parts[0]) if isinstance(engine, KernelEngine) else parts


def summed(gradient: SlicedGradient, step: Step) -> list[Tensor]:
    """The whole batch's gradient: the slices' added in order."""
    first, *others = ([part.clone() for part in parts] for parts in step.gradients)
    for other in others:
        for total, part in zip(first, other, strict=True):
            total += part
    return named_gradients(gradient, first)


def steps_of(gradient: SlicedGradient, stop: bool = False) -> tuple[list[Step], dict[str, Tensor]]:
    """Three steps, one of a short batch, one of a single row; and the model's state after them."""
    shape = tuple(gradient.engine.data.x.shape[1:])
    changes = draw(CHANGED if len(shape) == 3 else Augment(mixup=0.4), ROWS, shape, 1, 0, CPU)
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    batches = (order[:13], order[13:16], order[16:17])
    done = [copied(gradient.step(batch, changes, 0, step, stop)) for step, batch in enumerate(batches)]
    return done, dict(gradient.engine.model.state_dict())


def copied(step: Step) -> Step:
    """The next step may reuse its memory."""
    return replace(step, gradients=[[part.clone() for part in parts] for parts in step.gradients])


def tensors(steps: list[Step]) -> dict[str, Tensor]:
    return {
        f"{number} {place} {part}": tensor
        for number, step in enumerate(steps)
        for place, parts in enumerate([*step.gradients, [torch.tensor(step.figures, dtype=torch.float64)]])
        for part, tensor in enumerate(parts)
    }


@pytest.fixture(params=ENGINES, autouse=True)
def _both_engines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here holds for portable numerics and for torch's own."""
    monkeypatch.setitem(globals(), "chosen", request.param)


# Cutting


@given(st.integers(0, 200), st.integers(1, 64))
def test_slices_are_even_and_in_order(count: int, slices: int) -> None:
    batch = torch.arange(count)
    parts = cut(batch, slices)
    sizes = [len(part) for part in parts]
    assert len(parts) == slices
    assert torch.equal(torch.cat(parts), batch)
    assert max(sizes) - min(sizes) <= 1


# The gradient beside the whole batch's


def whole(model: nn.Module, data: Rows, batch: Tensor, smoothing: float) -> list[Tensor]:
    outputs = model(data.normalise(data.x[batch]))
    loss = loss_sum(outputs, data.y[batch], smoothing) / len(batch)
    return list(torch.autograd.grad(loss, list(model.parameters())))


@pytest.mark.parametrize("slices", [1, 2, 3, 5])
@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_slices_add_up_to_the_whole_batch(name: str, classes: int, slices: int) -> None:
    schema = schema_of(shape_for(name), classes)
    model, data = model_of(name, schema), rows_of(schema, ROWS)
    smoothing = 0.1 if classes else 0.0
    train = Train(slices=slices, label_smoothing=smoothing)
    for batch in (torch.arange(13), torch.arange(13, 15)):
        gradient = sliced(model, data, train)
        step = gradient.step(batch, None, 0, 0, False)
        expected = whole(model, data, batch, smoothing)
        assert len(step.gradients) == slices
        for found, exact in zip(summed(gradient, step), expected, strict=True):
            torch.testing.assert_close(found, exact, rtol=1e-4, atol=1e-6)
        outputs = model(data.normalise(data.x[batch])).detach()
        loss = float(loss_sum(outputs, data.y[batch], smoothing))
        correct = float((outputs.argmax(1) == data.y[batch]).sum()) if classes else 0.0
        assert step.figures == (pytest.approx(loss, rel=1e-5), correct)


def test_a_slice_does_not_care_what_other_slices_hold() -> None:
    """The first of two slices is what it is alone, bit for bit."""
    two, one = gradient_of("cnn", slices=2), gradient_of("cnn", slices=1)
    both = copied(two.step(torch.arange(12), None, 0, 0, False)).gradients
    again = two.step(torch.cat([torch.arange(6), torch.arange(20, 26)]), None, 0, 0, False).gradients
    assert all(map(torch.equal, both[0], again[0]))
    assert not all(map(torch.equal, both[1], again[1]))
    alone = summed(one, one.step(torch.arange(6), None, 0, 0, False))  # of 6 rows, not of 12
    for half, whole_ in zip(named_gradients(two, both[0]), alone, strict=True):
        torch.testing.assert_close(2 * half, whole_, rtol=1e-5, atol=1e-7)


# Nothing depends on who computes what


@pytest.mark.parametrize("slices", [1, 2, 3, 5])
@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_workers_changes_no_bit(name: str, slices: int) -> None:
    one, state = steps_of(gradient_of(name, 1, slices=slices))
    for workers in (2, 3, 4):
        gradient = gradient_of(name, workers, slices=slices)
        others, other_state = steps_of(gradient)
        gradient.pool.close()
        assert same_bits(tensors(others), tensors(one))
        assert same_bits(other_state, state)


@pytest.mark.parametrize("slices", [1, 3, 5])
@pytest.mark.parametrize("name", MODELS)
def test_the_number_of_ranks_changes_no_bit(name: str, slices: int) -> None:
    one, state = steps_of(gradient_of(name, slices=slices))
    for size in (2, 3, 4):
        gradients = [gradient_of(name, ranks=ranks, slices=slices) for ranks in FakeRanks.world(size)]
        for steps, own_state in together([lambda g=gradient: steps_of(g) for gradient in gradients]):
            assert same_bits(tensors(steps), tensors(one))
            assert same_bits(own_state, state)
            assert not any(step.stop for step in steps)


def test_a_slice_without_statistics_stays_so_on_its_way_between_ranks() -> None:
    """One row of 1×1 pixels has no variance: two of these three slices leave the running statistics alone."""
    schema = schema_of((1, 3, 3))

    def state(ranks: Ranks) -> dict[str, Tensor]:
        model = model_of(
            "cnn with dropout and batch norm", schema, kernel=3, channels=(4,), strides=(1,)
        ).train()
        gradient = sliced(model, rows_of(schema, ROWS), Train(slices=3), ranks=ranks)
        gradient.step(torch.arange(4), None, 0, 0, False)
        return dict(model.state_dict())

    alone = state(Ranks())
    assert not torch.equal(alone["1.running_mean"], torch.zeros(4))
    for size in (2, 3):
        ranks = FakeRanks.world(size)
        assert all(same_bits(found, alone) for found in together([lambda r=r: state(r) for r in ranks]))


@pytest.mark.parametrize("asked", [0, 1, 3])
def test_every_rank_learns_that_one_was_asked_to_stop(asked: int) -> None:
    """Also from a rank that has no slice of its own, such as the last one here."""
    gradients = [gradient_of("mlp", ranks=ranks, slices=2) for ranks in FakeRanks.world(4)]
    results = together([lambda g=g: steps_of(g, stop=g.ranks.rank == asked) for g in gradients])
    assert all(step.stop for steps, _ in results for step in steps)


def test_alone_the_request_to_stop_comes_back() -> None:
    gradient = gradient_of("mlp")
    assert all(step.stop for step in steps_of(gradient, stop=True)[0])
    assert not any(step.stop for step in steps_of(gradient)[0])


def test_randomness_is_that_of_the_position() -> None:
    """Seed, epoch, step and slice each give another dropout; the same position gives the same."""

    def bits(epoch: int = 0, step: int = 0, **train: Any) -> list[bytes]:
        done = gradient_of("mlp with dropout", **train).step(torch.arange(20), None, epoch, step, False)
        return [part.numpy().tobytes() for parts in done.gradients for part in parts]

    base = bits()
    assert bits() == base
    assert bits(epoch=1) != base
    assert bits(step=1) != base
    assert rows_with_another_seed() != base


def rows_with_another_seed() -> list[bytes]:
    """The same initial weights; only what the training draws has another seed."""
    gradient = gradient_of("mlp with dropout", seed=2)
    parts = gradient.step(torch.arange(20), None, 0, 0, False).gradients
    return [part.numpy().tobytes() for gradients in parts for part in gradients]


def test_slices_of_one_step_have_masks_of_their_own() -> None:
    """With the same rows in both slices, equal masks would give equal gradients."""
    rows = torch.tensor([1, 2, 3, 1, 2, 3])
    plain, dropped = (
        gradient_of(name, slices=2).step(rows, None, 0, 0, False).gradients
        for name in ("mlp", "mlp with dropout")
    )
    assert all(map(torch.equal, *plain))
    assert not all(map(torch.equal, *dropped))
