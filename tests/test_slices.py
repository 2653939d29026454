"""A step's gradient: slices beside the whole batch, and any number of workers and ranks beside one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import CPU, MODELS, model_of, rows_of, same_bits, schema_of, shape_for
from torch import Tensor, nn

from reprise.model.architectures import Dropout
from reprise.model.losses import loss_sum
from reprise.model.tensors import Rows
from reprise.settings.params import Augment, Train
from reprise.training import pool as pools
from reprise.training.augment import draw
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.slices import SlicedGradient, Step, cut

ROWS = 30


class FakeRanks(Ranks):
    """One of several ranks that live in threads of this process and meet at a barrier."""

    @classmethod
    def world(cls, size: int) -> list[FakeRanks]:
        meeting, board = threading.Barrier(size, timeout=30), [None] * size
        ranks = [cls(rank, size) for rank in range(size)]
        for rank in ranks:
            object.__setattr__(rank, "meeting", meeting)
            object.__setattr__(rank, "board", board)
        return ranks

    def gather(self, own: Tensor) -> list[Tensor]:
        self.board[self.rank] = own.clone()
        self.meeting.wait()
        parts = [part.clone() for part in self.board]
        self.meeting.wait()
        assert all(part.shape == own.shape and part.dtype == own.dtype for part in parts)
        return parts


def together(work: list[Callable[[], Any]]) -> list[Any]:
    """Run each function in a thread of its own; return the results."""
    results: list[Any] = [None] * len(work)

    def run(number: int) -> None:
        results[number] = work[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def gradient_of(name: str, workers: int = 1, ranks: Ranks | None = None, **train: Any) -> SlicedGradient:
    schema = schema_of(shape_for(name))
    model = model_of(name, schema).train()
    return SlicedGradient(model, rows_of(schema, ROWS), Train(**train), Pool(workers), ranks or Ranks())


def steps_of(gradient: SlicedGradient, stop: bool = False) -> tuple[list[Step], dict[str, Tensor]]:
    """Three steps, one of a short batch, one of a single row; and the model's state after them."""
    images = gradient.data.x.dim() == 4
    changes = draw(Augment(shift=2), ROWS, 1, 0, CPU) if images else None
    order = torch.randperm(ROWS, generator=torch.Generator().manual_seed(1))
    batches = (order[:13], order[13:16], order[16:17])
    done = [gradient.step(batch, changes, 0, step, stop) for step, batch in enumerate(batches)]
    return done, dict(gradient.model.state_dict())


def tensors(steps: list[Step]) -> dict[str, Tensor]:
    return {
        f"{number} {place}": tensor
        for number, step in enumerate(steps)
        for place, tensor in enumerate([*step.gradients, step.figures])
    }


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
        step = SlicedGradient(model, data, train, Pool(1), Ranks()).step(batch, None, 0, 0, False)
        for found, expected in zip(step.gradients, whole(model, data, batch, smoothing), strict=True):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
        outputs = model(data.normalise(data.x[batch])).detach()
        loss = float(loss_sum(outputs, data.y[batch], smoothing))
        correct = float((outputs.argmax(1) == data.y[batch]).sum()) if classes else 0.0
        assert step.figures.tolist() == [pytest.approx(loss, rel=1e-5), correct]
        assert step.figures.dtype == torch.float64


def test_one_slice_is_the_whole_batch_bit_for_bit() -> None:
    gradient = gradient_of("cnn", slices=1)
    batch = torch.arange(13)
    step = gradient.step(batch, None, 0, 0, False)
    expected = whole(gradient.model, gradient.data, batch, 0.0)
    assert all(torch.equal(one, two) for one, two in zip(step.gradients, expected, strict=True))


def test_a_frozen_layer_has_no_gradient() -> None:
    gradient = gradient_of("mlp")
    gradient.model[1].requires_grad_(False)
    frozen = SlicedGradient(gradient.model, gradient.data, gradient.train, gradient.pool, gradient.ranks)
    found = frozen.step(torch.arange(5), None, 0, 0, False).gradients
    assert [g.shape for g in found] == [p.shape for p in gradient.model.parameters() if p.requires_grad]


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
        gradient = SlicedGradient(model, rows_of(schema, ROWS), Train(slices=3), Pool(1), ranks)
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
        return [gradient.numpy().tobytes() for gradient in done.gradients]

    base = bits()
    assert bits() == base
    assert bits(epoch=1) != base
    assert bits(step=1) != base
    other_seed = gradient_of("mlp with dropout")
    other_seed.train = replace_train(other_seed.train, seed=2)
    assert other_seed.step(torch.arange(20), None, 0, 0, False).gradients[0].numpy().tobytes() != base[0]


def replace_train(train: Train, **changes: Any) -> Train:
    return train.model_copy(update=changes)


def test_slices_of_one_step_have_masks_of_their_own() -> None:
    """With the same rows in both slices, equal masks would give equal halves of the gradient."""
    gradient = gradient_of("mlp with dropout", slices=2)
    seen: list[Tensor] = []
    drop = next(module for module in gradient.model.modules() if isinstance(module, Dropout))
    drop.register_forward_hook(lambda _module, _inputs, output: seen.append(output.detach() == 0))
    gradient.step(torch.tensor([1, 2, 3, 1, 2, 3]), None, 0, 0, False)
    assert len(seen) == 2
    assert not torch.equal(seen[0], seen[1])


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("name", ["mlp", "cnn with dropout and batch norm"])
def test_sums_shared_out_are_the_same_bits(name: str, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The models of the other tests are too small for their sums to be shared out."""
    alone = gradient_of(name, slices=4)
    expected = tensors(steps_of(alone)[0])
    monkeypatch.setattr(pools, "SHARED_FROM", 0)
    shared = gradient_of(name, workers, slices=4)
    assert same_bits(tensors(steps_of(shared)[0]), expected)
