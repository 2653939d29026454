"""What a module becomes: the gradients of whole networks beside torch in float64, and fused ReLUs."""

from __future__ import annotations

import copy
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from exact_operations import guarded
from networks import NETWORKS, Residual, by_kernels, by_torch, in_double, network
from torch import Tensor, nn

from reprise.arithmetic.drafts import Kind, relu_of
from reprise.arithmetic.layers import BatchNorm
from reprise.arithmetic.network import compile_network
from reprise.arithmetic.structures import MatrixPairs
from reprise.model.inference import PortableProgram


def error(found: Tensor, exact: Tensor) -> float:
    """The largest difference, beside the largest value."""
    return float((found.double() - exact).abs().max() / exact.abs().max().clamp(min=1e-30))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_autograd_in_float64(name: str) -> None:
    module, data = network(name)
    exact, loss, seen = by_torch(copy.deepcopy(module).double(), in_double(data))
    plain, _, _ = by_torch(copy.deepcopy(module), data)
    found, found_loss, found_seen = by_kernels(module, data)
    assert found_loss == pytest.approx(loss, rel=1e-5)
    assert list(found) == list(exact)
    for parameter, gradient in exact.items():
        # Norms make gradients that are zero but for rounding: then only the size can be compared.
        zero = float(gradient.abs().max()) < 1e-12
        if zero:
            assert float(found[parameter].abs().max()) < 1e-5, parameter
        else:
            allowed = max(4 * error(plain[parameter], gradient), 2e-6)
            assert error(found[parameter], gradient) <= allowed, parameter
    for ours, theirs in zip(found_seen, seen, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_torch_is_asked_for_nothing_that_rounds(name: str) -> None:
    module, data = network(name)
    with guarded():
        by_kernels(module, data)
        PortableProgram(module.eval(), tuple(data.x.shape[1:])).outputs(data.x, data.normalise)


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_in_evaluation_are_torchs(name: str) -> None:
    module, data = network(name)
    double = copy.deepcopy(module).double().eval()
    with torch.no_grad():
        exact = double(in_double(data).x)
    found = PortableProgram(module.eval(), tuple(data.x.shape[1:])).outputs(data.x, data.normalise)
    assert found.shape == exact.shape
    assert error(found, exact) < 1e-5


@pytest.mark.parametrize("name", ["resnet18", "cnn with batch norm", "depthwise and group norm", "mlp gelu"])
def test_a_rows_outputs_do_not_depend_on_its_batch(name: str) -> None:
    module, data = network(name)
    program = PortableProgram(module.eval(), tuple(data.x.shape[1:]))
    together = program.outputs(data.x, data.normalise)
    for row in range(len(data)):
        alone = program.outputs(data.x[row : row + 1], data.normalise)
        assert torch.equal(alone[0], together[row])


def test_the_module_keeps_its_names_and_values() -> None:
    module, data = network("residual")
    before = copy.deepcopy(module.state_dict())
    by_kernels(module, data)
    after = module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


# What is fused


def kinds(module: nn.Module, shape: tuple[int, ...]) -> list[tuple[str, int]]:
    return [(draft.kind.name, draft.relu) for draft in compile_network(module, shape).operations]


def test_a_relu_that_alone_follows_is_done_on_the_way() -> None:
    layers = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)
    )
    assert kinds(layers, (1, 2, 2)) == [
        ("CONVOLUTION", True), ("FLATTEN", False), ("LINEAR", True), ("LINEAR", False),
    ]  # fmt: skip
    six = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU6(), BatchNorm(2), nn.ReLU6(), nn.Conv2d(2, 2, 1), nn.Flatten()
    )
    assert kinds(six, (1, 2, 2)) == [
        ("CONVOLUTION", 2), ("BATCH_NORM", 0), ("ACTIVATION", 0), ("CONVOLUTION", 0), ("FLATTEN", 0),
    ]  # fmt: skip
    block = nn.Sequential(Residual(nn.Linear(4, 4)), nn.Linear(4, 2))
    assert kinds(block, (4,)) == [("LINEAR", False), ("SUM", True), ("LINEAR", False)]


def test_a_relu_stays_where_others_need_what_it_takes() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            return self.last(torch.relu(x) + x)

    operations = compile_network(Both(), (4,)).operations
    assert [draft.kind for draft in operations] == [Kind.LINEAR, Kind.ACTIVATION, Kind.SUM, Kind.LINEAR]
    assert sum(map(relu_of, operations)) == 1
    twice = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.ReLU())
    assert kinds(twice, (4,)) == [
        ("LINEAR", True), ("ACTIVATION", False), ("ACTIVATION", False), ("ACTIVATION", False),
    ]  # fmt: skip


def test_flattening_what_lies_in_the_same_order_costs_nothing() -> None:
    one_channel = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    assert kinds(one_channel, (1, 2, 3)) == [("LINEAR", False)]
    assert kinds(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)), (3, 4, 4))[-1] == (
        "LINEAR",
        False,
    )


def test_what_only_renames_places_costs_nothing() -> None:
    """Channels last for a norm and products and back: three operations, no copy."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.norm, self.second = nn.Conv2d(3, 4, 1), nn.LayerNorm(4), nn.Linear(4, 5)
            self.last = nn.Conv2d(5, 1, 4)

        def forward(self, x: Tensor) -> Tensor:
            x = self.second(self.norm(self.first(x).permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
            return self.last(x).flatten(1)

    found = [kind for kind, _ in kinds(Last(), (3, 4, 4))]
    assert found == ["CONVOLUTION", "LAYER_NORM", "LINEAR", "CONVOLUTION"]


def test_attention_copies_only_what_lies_apart() -> None:
    """Queries, keys and values are taken out of their common product; keys are not transposed."""
    module, shape = NETWORKS["causal attention"]()
    found = [kind for kind, _ in kinds(module, shape)]
    assert found.count("MOVE") == 5  # q, k, v, the heads put side by side again, and a scale for all places
    assert found.count("MATRICES") == 2
    draft = next(d for d in compile_network(module, shape).operations if d.kind == Kind.MATRICES)
    assert isinstance(draft.shape, MatrixPairs)
    assert (draft.shape.pairs, draft.shape.transposed) == (2, 1)


def test_threads_may_compile_at_the_same_time() -> None:
    """As the folds of a bag do; threads take turns as often as can be."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            made = list(pool.map(lambda _: kinds(*NETWORKS["gated"]()), range(64)))
    finally:
        sys.setswitchinterval(usual)
    assert all(found == made[0] for found in made)
