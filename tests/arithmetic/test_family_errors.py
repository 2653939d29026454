"""Errors against float64: no operation's is more than twice that of torch's float32, gradients included."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from family_errors import ALL, KINDS, Result
from family_library import Families, compile_families, runnable

EXPONENTIALS = {  # each of a float32 alone, so all of them can be tried
    "gelu": F.gelu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Families:
    """The fastest kernels; all have the same bits."""
    return Families(compile_families(tmp_path_factory.mktemp("kernels"), runnable()[-1]))


@pytest.mark.parametrize("operations", ALL, ids=lambda f: f.__name__)
def test_error_is_at_most_twice_torchs(
    operations: Callable[[Families, np.random.Generator], Iterator[Result]], kernels: Families
) -> None:
    """Greatest and mean error; an error of 1e-10 of the greatest value is none."""
    for result in operations(kernels, np.random.default_rng(1)):
        most, mean, torchs_most, torchs_mean = result.errors()
        nothing = 1e-10 * float(np.abs(result.exact).max())
        assert most <= 2 * torchs_most + nothing, (result.name, most, torchs_most)
        assert mean <= 2 * torchs_mean + nothing, (result.name, mean, torchs_mean)


def units(values: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return errors in units of the last place of the exact value's float32."""
    spacing = np.spacing(np.abs(exact).astype(np.float32)).astype(np.float64)
    return np.abs(values.astype(np.float64) - exact) / spacing


def exact_gelu(x: torch.Tensor) -> np.ndarray:
    """Return x Phi(x) with a tail that doesn't cancel."""
    return (x * torch.special.erfc(-x / 2**0.5) / 2).numpy()


def worst(kernels: Families, name: str, x: np.ndarray) -> float:
    """Return the greatest error in units of the last place."""
    kind, _ = KINDS[name]
    y = np.empty_like(x)
    kernels.call("activation_forward", kind, 0.0, x, y, x.size)
    wide = torch.from_numpy(x.astype(np.float64))
    exact = exact_gelu(wide) if name == "gelu" else EXPONENTIALS[name](wide).numpy()
    return float(units(y, exact).max())


@pytest.mark.parametrize("name", EXPONENTIALS)
def test_values_are_next_to_the_true_ones(name: str, kernels: Families) -> None:
    """Every 1,000th float32: at most 0.501 units of the last place, where 0.5 is perfect."""
    bits = np.arange(0, 2**32, 997, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    assert worst(kernels, name, np.ascontiguousarray(x[np.isfinite(x)])) < 0.501


@pytest.mark.proof
@pytest.mark.parametrize("name", EXPONENTIALS)
def test_values_are_next_to_the_true_ones_everywhere(name: str, kernels: Families) -> None:
    """Every float32 there is."""
    step = 2**24
    for first in range(0, 2**32, step):
        x = np.arange(first, first + step, dtype=np.uint64).astype(np.uint32).view(np.float32)
        x = x[np.isfinite(x)]
        if x.size:
            assert worst(kernels, name, np.ascontiguousarray(x)) < 0.501, hex(first)
