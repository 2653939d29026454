"""Both optimizers, by the kernels and by torch, beside those of torch.optim."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from tiny import model_of, rows_of, schema_of
from torch import Tensor, nn

from reprise.settings.params import Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.optimizers import KernelOptimizer, Optimizer, TorchOptimizer, power
from reprise.training.pool import Pool

STEPS = 6
RATES = [0.01, 0.02, 0.005, 0.001, 0.03, 1e-6]
SCHEMA = schema_of((2, 6, 6))
TRAINS = [
    Train(optimizer="adam"),
    Train(optimizer="adam", weight_decay=0.1),
    Train(optimizer="adamw"),
    Train(optimizer="adamw", weight_decay=0.1),
    Train(optimizer="sgd"),
    Train(optimizer="sgd", weight_decay=0.1),
    Train(optimizer="sgd", momentum=0.9),
    Train(optimizer="sgd", momentum=0.9, weight_decay=0.1),
]


def small_model() -> nn.Module:
    return model_of("cnn with dropout and batch norm", SCHEMA, channels=(4,), strides=(2,), hidden=(5,))


def gradients_of(model: nn.Module, step: int, part: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 * part + step)
    return [torch.randn(p.shape, generator=generator) * 10.0 ** (step - 3) for p in model.parameters()]


class Ours:
    """An optimizer of ours, fed with gradients as torch lays them out."""

    def __init__(self, kind: str, model: nn.Module, train: Train, pool: Pool | None = None) -> None:
        self.model, self.flat = model, kind == "kernels"
        self.optimizer: Optimizer = TorchOptimizer(model, train)
        if self.flat:
            engine = KernelEngine(model, rows_of(SCHEMA, 3), train, 1)
            self.optimizer = KernelOptimizer(engine, train, pool or Pool(1))

    def step(self, slices: list[list[Tensor]], rate: float) -> None:
        if self.flat:
            slices = [[torch.cat([part.reshape(-1) for part in parts])] for parts in slices]
        self.optimizer.step(slices, rate)

    def steps(self, numbers: range = range(STEPS)) -> Ours:
        for step in numbers:
            self.step([gradients_of(self.model, step)], RATES[step])
        return self


def torchs(train: Train, parameters: list[Tensor]) -> torch.optim.Optimizer:
    if train.optimizer == "sgd":
        return torch.optim.SGD(parameters, 1.0, weight_decay=train.weight_decay, momentum=train.momentum)
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, fused=True, weight_decay=train.weight_decay)


def exact(
    train: Train, model: nn.Module, gradients: Callable[[int], list[Tensor]], dtype: torch.dtype
) -> list[Tensor]:
    """What torch.optim makes of the parameters."""
    parameters = [p.detach().to(dtype).requires_grad_() for p in model.parameters()]
    optimizer = torchs(train, parameters)
    for step, rate in enumerate(RATES):
        for parameter, gradient in zip(parameters, gradients(step), strict=True):
            parameter.grad = gradient.to(dtype)
        if train.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, train.clip_norm)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    return parameters


def bits(model: nn.Module) -> bytes:
    return b"".join(parameter.detach().numpy().tobytes() for parameter in model.parameters())


def name_of(train: Train) -> str:
    return f"{train.optimizer}-{train.momentum}-{train.weight_decay}"


@pytest.mark.parametrize("train", TRAINS, ids=name_of)
@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_the_updates_are_torchs(kind: str, train: Train) -> None:
    model = small_model()
    expected = exact(train, small_model(), lambda step: gradients_of(model, step), torch.float64)
    Ours(kind, model, train).steps()
    for found, other in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(found.detach().double(), other.detach(), rtol=2e-6, atol=2e-7)
    assert bits(model) != bits(small_model())


@pytest.mark.parametrize("train", TRAINS[:4], ids=name_of)
def test_by_torch_adam_is_its_fused_adam_bit_for_bit(train: Train) -> None:
    model = small_model()
    expected = exact(train, small_model(), lambda step: gradients_of(model, step), torch.float32)
    Ours("torch", model, train).steps()
    assert all(map(torch.equal, model.parameters(), expected))


@pytest.mark.parametrize("clip_norm", [1e-3, 1.0, 1e6])
@pytest.mark.parametrize("train", [TRAINS[0], TRAINS[7]], ids=name_of)
@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_slices_are_added_then_clipped_as_torch_clips(kind: str, train: Train, clip_norm: float) -> None:
    train = train.model_copy(update={"clip_norm": clip_norm})
    model = small_model()
    ours = Ours(kind, model, train)

    def sums(step: int) -> list[Tensor]:
        parts = [gradients_of(model, step, part) for part in range(3)]
        return [(one.double() + two + three) for one, two, three in zip(*parts, strict=True)]

    expected = exact(train, small_model(), sums, torch.float64)
    for step, rate in enumerate(RATES):
        ours.step([gradients_of(model, step, part) for part in range(3)], rate)
    for found, other in zip(model.parameters(), expected, strict=True):
        # torch adds 1e-6 to the norm before it divides.
        torch.testing.assert_close(found.detach().double(), other.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_what_is_small_enough_is_not_scaled(kind: str) -> None:
    free, clipped = small_model(), small_model()
    Ours(kind, free, Train(optimizer="sgd")).steps()
    Ours(kind, clipped, Train(optimizer="sgd", clip_norm=1e9)).steps()
    assert bits(free) == bits(clipped)


@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_clipping_nothing_and_too_much(kind: str) -> None:
    """A gradient of zeros stays zeros; one that is not finite can't be saved, but is not hidden either."""
    model = small_model()
    before = bits(model)
    zeros = [torch.zeros_like(p) for p in model.parameters()]
    Ours(kind, model, Train(optimizer="sgd", clip_norm=1.0)).step([zeros], 0.1)
    assert bits(model) == before
    zeros[0].view(-1)[0] = math.inf
    Ours(kind, model, Train(optimizer="sgd", clip_norm=1.0)).step([zeros], 0.1)
    assert not next(model.parameters()).isfinite().all()


@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_adam_by_its_paper(kind: str) -> None:
    """Kingma & Ba's algorithm 1 in Python's own numbers, for every weight alike."""
    model = small_model()
    first = float(next(model.parameters()).detach().view(-1)[0])
    ours = Ours(kind, model, Train(optimizer="adam"))
    mean = square = 0.0
    for step, gradient in enumerate([0.5, -1.5, 2.0, 0.1], start=1):
        ours.step([[torch.full_like(p, gradient) for p in model.parameters()]], 0.1)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        first -= 0.1 * (mean / (1 - 0.9**step)) / (math.sqrt(square / (1 - 0.999**step)) + 1e-8)
        assert float(next(model.parameters()).detach().view(-1)[0]) == pytest.approx(first, rel=1e-5)


@pytest.mark.parametrize("train", [TRAINS[0], TRAINS[3], TRAINS[6]], ids=name_of)
@pytest.mark.parametrize("done", [0, 1, 4])
@pytest.mark.parametrize("kind", ["kernels", "torch"])
def test_a_restored_state_goes_on_bit_for_bit(kind: str, train: Train, done: int) -> None:
    whole, first, second = small_model(), small_model(), small_model()
    Ours(kind, whole, train).steps()
    optimizer = Ours(kind, first, train).steps(range(done)).optimizer
    saved = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    second.load_state_dict(first.state_dict())
    resumed = Ours(kind, second, train)
    resumed.optimizer.restore(saved)
    resumed.steps(range(done, STEPS))
    assert bits(second) == bits(whole)
    assert all(torch.equal(tensor, optimizer.tensors()[name]) for name, tensor in saved.items())


def test_the_state_is_named_after_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    assert sorted(TorchOptimizer(model, Train()).tensors()) == sorted(
        f"0.{parameter}/{kind}" for parameter in ("weight", "bias") for kind in ("mean", "square", "step")
    )
    assert TorchOptimizer(model, Train(optimizer="sgd")).tensors() == {}
    names = set(TorchOptimizer(model, Train(optimizer="sgd", momentum=0.5)).tensors())
    assert names == {"0.weight/momentum", "0.bias/momentum"}
    kernels = Ours("kernels", small_model(), Train()).optimizer.tensors()
    assert set(kernels) == {"all/mean", "all/square", "all/step"}


def test_by_torch_a_frozen_parameter_stays() -> None:
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    before = model.bias.clone()
    optimizer = TorchOptimizer(model, Train())
    assert optimizer.names == ["weight"]
    optimizer.step([[torch.ones(3, 2)]], 0.1)
    assert torch.equal(model.bias, before)


def test_by_the_kernels_a_frozen_parameter_stays() -> None:
    model = small_model()
    frozen = list(model.parameters())[-1].requires_grad_(False)
    before = frozen.detach().clone()
    Ours("kernels", model, Train()).steps()
    assert torch.equal(frozen, before)


@pytest.mark.parametrize("base", [0.9, 0.999])
def test_powers_by_products_are_powers(base: float) -> None:
    assert power(base, 0) == 1.0
    for exponent in (1, 2, 3, 10, 1000, 12345):
        assert power(base, exponent) == pytest.approx(base**exponent, rel=1e-12)
