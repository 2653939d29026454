"""Our optimizers beside those of torch.optim: the same steps, without the classes' slow first use."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import schema_of
from torch import Tensor, nn

from reprise.model.architectures import build
from reprise.settings.params import Cnn, Model, Train
from reprise.training.optimizers import Optimizer, clip

STEPS = 6
RATES = [0.01, 0.02, 0.005, 0.001, 0.03, 1e-6]


def small_model() -> nn.Module:
    cnn = Cnn(channels=(4,), strides=(2,), hidden=(5,), batch_norm=True)
    return build(Model(kind="cnn", cnn=cnn), schema_of((2, 6, 6)), seed=1)


def gradients_of(model: nn.Module, step: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(p.shape, generator=generator) * 10.0 ** (step - 3) for p in model.parameters()]


def theirs(optimizer: torch.optim.Optimizer, model: nn.Module) -> None:
    for step, rate in enumerate(RATES):
        for parameter, gradient in zip(model.parameters(), gradients_of(model, step), strict=True):
            parameter.grad = gradient
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()


def ours(optimizer: Optimizer, model: nn.Module, steps: range = range(STEPS)) -> None:
    for step in steps:
        optimizer.step(gradients_of(model, step), RATES[step])


def bits(model: nn.Module) -> bytes:
    return b"".join(parameter.detach().numpy().tobytes() for parameter in model.parameters())


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_adam_is_torchs_fused_adam_bit_for_bit(name: str, kind, decay: float) -> None:
    mine, other = small_model(), small_model()
    ours(Optimizer(mine, Train(optimizer=name, weight_decay=decay)), mine)
    theirs(kind(other.parameters(), fused=True, weight_decay=decay), other)
    assert bits(mine) == bits(other) != bits(small_model())


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_torchs_sgd(decay: float, momentum: float) -> None:
    mine, other = small_model(), small_model()
    ours(Optimizer(mine, Train(optimizer="sgd", weight_decay=decay, momentum=momentum)), mine)
    theirs(torch.optim.SGD(other.parameters(), lr=1.0, weight_decay=decay, momentum=momentum), other)
    for one, two in zip(mine.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-6)
    assert bits(mine) != bits(small_model())


def test_adam_by_its_paper() -> None:
    """Kingma & Ba's algorithm 1 in Python's own numbers, for one weight."""
    model = nn.Linear(1, 1, bias=False)
    weight = float(model.weight.detach())
    optimizer = Optimizer(model, Train(optimizer="adam"))
    mean = square = 0.0
    for step, gradient in enumerate([0.5, -1.5, 2.0, 0.1], start=1):
        optimizer.step([torch.tensor([[gradient]])], 0.1)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        weight -= 0.1 * (mean / (1 - 0.9**step)) / (math.sqrt(square / (1 - 0.999**step)) + 1e-8)
        assert float(model.weight.detach()) == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize(
    "train",
    [
        Train(optimizer="adam"),
        Train(optimizer="adamw", weight_decay=0.1),
        Train(optimizer="sgd", momentum=0.9),
    ],
    ids=lambda train: train.optimizer,
)
@pytest.mark.parametrize("done", [0, 1, 4])
def test_a_restored_state_goes_on_bit_for_bit(train: Train, done: int) -> None:
    whole, first, second = small_model(), small_model(), small_model()
    ours(Optimizer(whole, train), whole)
    optimizer = Optimizer(first, train)
    ours(optimizer, first, range(done))
    saved = {name: tensor.clone() for name, tensor in optimizer.tensors().items()}
    second.load_state_dict(first.state_dict())
    resumed = Optimizer(second, train)
    resumed.restore(saved)
    ours(resumed, second, range(done, STEPS))
    assert bits(second) == bits(whole)
    assert all(torch.equal(tensor, optimizer.tensors()[name]) for name, tensor in saved.items())


def test_the_state_is_named_after_parameters() -> None:
    model = nn.Sequential(nn.Linear(2, 3))
    assert sorted(Optimizer(model, Train()).tensors()) == sorted(
        f"0.{parameter}/{kind}" for parameter in ("weight", "bias") for kind in ("mean", "square", "step")
    )
    assert Optimizer(model, Train(optimizer="sgd")).tensors() == {}
    assert set(Optimizer(model, Train(optimizer="sgd", momentum=0.5)).tensors()) == {
        "0.weight/momentum",
        "0.bias/momentum",
    }


def test_a_frozen_parameter_stays() -> None:
    model = nn.Linear(2, 3)
    model.bias.requires_grad_(False)
    before = model.bias.clone()
    optimizer = Optimizer(model, Train())
    assert optimizer.names == ["weight"]
    optimizer.step([torch.ones(3, 2)], 0.1)
    assert torch.equal(model.bias, before)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=4),
    st.floats(1e-3, 1e3),
    st.integers(-6, 6),
    st.integers(0, 99),
)
def test_clip_is_torchs(sizes: list[int], largest: float, exponent: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    gradients = [torch.randn(size, generator=generator) * 10.0**exponent for size in sizes]
    parameters = [torch.zeros(size, requires_grad=True) for size in sizes]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    before = [gradient.clone() for gradient in gradients]
    norm = nn.utils.clip_grad_norm_(parameters, largest)
    clip(gradients, largest)
    for found, parameter, old in zip(gradients, parameters, before, strict=True):
        # torch adds 1e-6 to the norm before it divides.
        torch.testing.assert_close(
            found, parameter.grad, rtol=1e-5 + 2e-6 / max(float(norm), 1e-9), atol=1e-30
        )
        if norm < 0.999 * largest:
            assert torch.equal(found, old)
    assert math.sqrt(sum(float((g.double() ** 2).sum()) for g in gradients)) <= largest * (1 + 1e-5)
