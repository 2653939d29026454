"""Initial weights of code of one's own: torch's random functions, with the same numbers everywhere.

``nn.init.normal_``, ``torch.randn`` and what layers do when they are made are kept, as distributions. Only
the random numbers below come from `reprise.foundation.seeds`: torch's own differ between kinds of processors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from reprise.foundation import seeds
from reprise.foundation.normal import normal, quantile
from reprise.own.errors import Refusal

Drawn = NDArray[Any]
# What build() may compute in portable numerics: memory, copies, whole numbers, and single operations that
# IEEE-754 rounds in one way. Sums of floats and functions such as sin are the library's own choice.
EXACT_LINES = (
    "empty empty_like empty_strided new_empty new_empty_strided resize_ set_ lift lift_fresh alias",
    "as_strided broadcast_to detach detach_ diagonal expand permute select slice split split_with_sizes",
    "squeeze squeeze_ t t_ transpose transpose_ unbind unfold unsqueeze unsqueeze_ view _unsafe_view",
    "_local_scalar_dense _to_copy cat clone constant_pad_nd copy copy_ diag_embed flip gather index",
    "index_put_ index_select one_hot repeat roll scatter_ stack tril tril_ triu triu_ arange eye fill",
    "fill_ full full_like new_full new_ones new_zeros ones ones_like scalar_tensor tril_indices",
    "triu_indices zero_ zeros zeros_like all amax amin any argmax argmin max min bitwise_and",
    "bitwise_not bitwise_or bitwise_xor eq equal ge gt isfinite isinf isnan le logical_and logical_not",
    "logical_or logical_xor lt masked_fill masked_fill_ ne nonzero where abs ceil clamp clamp_",
    "clamp_max clamp_min div div_ floor floor_divide maximum minimum mul mul_ neg neg_ reciprocal",
    "remainder round sgn sign sqrt sqrt_ trunc",
)
EXACT = frozenset(name for line in EXACT_LINES for name in line.split())
MOST_ROUNDS = 1000
EXACT_UNSCALED = frozenset(("add", "add_", "sub", "sub_", "rsub"))  # alpha would multiply on the way


class Draws(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives the class no types
    """While it is active, random numbers of torch are functions of the seed and their place in the code.

    Parameters
    ----------
    seed : int
    strict : bool
        Refuse operations whose bits differ between processors.
    """

    def __init__(self, seed: int, *, strict: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self._seed, self._strict, self._count = seed, strict, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute one operation."""
        kwargs, name = kwargs or {}, func.overloadpacket.__name__
        rule = RULES.get(name)
        if rule is not None:
            return rule(self, *args, **kwargs)
        if self._strict and not _exact(func, name, args, kwargs):
            raise Refusal(
                f"torch's {name} has bits of its own on each kind of processor, and so have initial weights "
                "made with it; use + - * /, sqrt and random functions, or set train.numerics: native"
            )
        return func(*args, **kwargs)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Return numbers in [0, 1) that no other call gets."""
        self._count += 1
        return seeds.uniform(count, self._seed, "own", self._count)

    def normal(self, count: int) -> NDArray[np.float64]:
        """Return standard normal numbers that no other call gets."""
        self._count += 1
        return normal(count, self._seed, "own", self._count)


@contextmanager
def drawing(seed: int, *, strict: bool) -> Iterator[None]:
    """Let torch draw from `Draws` inside, also where its own algorithm differs between its versions."""
    kept = nn.init._no_grad_trunc_normal_
    with Draws(seed, strict=strict) as draws:
        nn.init._no_grad_trunc_normal_ = partial(_truncated, draws)
        try:
            yield
        finally:
            nn.init._no_grad_trunc_normal_ = kept


def _truncated(
    draws: Draws, x: Tensor, mean: float, std: float, low: float, high: float, generator: Any = None
) -> Tensor:
    """Fill with normal numbers, drawn again until all lie between the bounds."""
    del generator
    values = np.full(x.numel(), np.nan)
    for _ in range(MOST_ROUNDS):
        wrong = np.flatnonzero(~((values >= low) & (values <= high)))
        if len(wrong) == 0:
            with torch.no_grad():
                return _filled(x, values)
        values[wrong] = mean + std * draws.normal(len(wrong))
    raise Refusal(f"nn.init.trunc_normal_: {low} to {high} is too far from {mean}, with std {std}")


def _exact(func: Any, name: str, args: Any, kwargs: Any) -> bool:
    if name in EXACT_UNSCALED:
        return kwargs.get("alpha", 1) in (1, -1)
    if name in ("sum", "cumsum", "prod"):
        return not args[0].is_floating_point()
    return name in EXACT or bool(getattr(func, "is_view", False))


def _filled(tensor: Tensor, values: Drawn) -> Tensor:
    return tensor.copy_(torch.from_numpy(np.ascontiguousarray(values)).reshape(tensor.shape))


def _uniform(draws: Draws, x: Tensor, low: float = 0.0, high: float = 1.0, **_: Any) -> Tensor:
    return _filled(x, low + (high - low) * draws.uniform(x.numel()))


def _normal(draws: Draws, x: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any) -> Tensor:
    return _filled(x, mean + std * draws.normal(x.numel()))


def _bernoulli(draws: Draws, x: Tensor, p: Tensor | float = 0.5, **_: Any) -> Tensor:
    share = p.expand(x.shape).double().numpy().ravel() if isinstance(p, Tensor) else p
    return _filled(x, (draws.uniform(x.numel()) < share).astype(np.float64))


def _erfinv(_: Draws, x: Tensor) -> Tensor:
    share = np.clip((x.double().numpy().ravel() + 1.0) * 0.5, 2.0**-53, 1.0 - 2.0**-53)
    return _filled(x, quantile(share) * math.sqrt(0.5))


def _made(values: Callable[[Draws, int], Drawn]) -> Callable[..., Tensor]:
    """Return the rule of a function that makes a tensor of a size."""

    def rule(draws: Draws, size: Sequence[int], *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        made = torch.empty(tuple(size), dtype=dtype or torch.get_default_dtype())
        return _filled(made, values(draws, made.numel()))

    return rule


def _like(values: Callable[[Draws, int], Drawn]) -> Callable[..., Tensor]:
    def rule(draws: Draws, x: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        return _filled(torch.empty(x.shape, dtype=dtype or x.dtype), values(draws, x.numel()))

    return rule


def _integers(draws: Draws, *args: Any, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    *bounds, size = args
    low, high = bounds if len(bounds) == 2 else (0, bounds[0])
    made = torch.empty(tuple(size), dtype=dtype or torch.int64)
    return _filled(made, low + np.floor(draws.uniform(made.numel()) * (high - low)).astype(np.int64))


def _permutation(draws: Draws, count: int, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
    order = np.argsort(draws.uniform(count), kind="stable").astype(np.int64)
    return torch.from_numpy(order).to(dtype or torch.int64)


RULES: dict[str, Callable[..., Tensor]] = {
    "uniform_": _uniform,
    "normal_": _normal,
    "bernoulli_": _bernoulli,
    "erfinv": lambda draws, x: _erfinv(draws, x.clone()),
    "erfinv_": _erfinv,  # of truncated normal numbers, as much code writes them
    "rand": _made(Draws.uniform),
    "randn": _made(Draws.normal),
    "rand_like": _like(Draws.uniform),
    "randn_like": _like(Draws.normal),
    "randint": _integers,
    "randperm": _permutation,
}
