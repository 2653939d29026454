"""A guard: sees every torch operation of a block, and fails on one that isn't known to be exact.

Exact means: the result follows from IEEE-754 and the arguments alone, whatever the processor, torch's version
and the number of threads. A sum of floats is not: its order is the library's own choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

EXACT = {
    # Memory, and what it is taken for: no value is computed.
    "aten.empty.memory_format", "aten.detach.default", "aten.view.default", "aten.slice.Tensor",
    "aten.select.int", "aten.expand.default", "aten.split.Tensor",
    # Copies (from float64 to float32 rounds once, as IEEE-754 says), and constants.
    "aten.clone.default", "aten.copy_.default", "aten._to_copy.default", "aten.cat.default",
    "aten.lift_fresh.default", "aten.zeros.default", "aten.zeros_like.default", "aten.ones.default",
    "aten.full.default", "aten.fill_.Scalar", "aten.zero_.default", "aten.arange.default",
    # One value, to Python.
    "aten._local_scalar_dense.default",
    # Comparisons, and what follows from them: no rounding.
    "aten.eq.Tensor", "aten.ne.Scalar", "aten.gt.Scalar", "aten.abs.default", "aten.argmax.default",
    "aten.min.default", "aten.max.default",
    "aten.all.default", "aten.all.dim", "aten.any.dim", "aten.bitwise_not.default", "aten.nonzero.default",
    # One operation of IEEE-754 a value, rounded once.
    "aten.mul.Tensor", "aten.mul_.Tensor", "aten.div.Tensor", "aten.sub.Tensor",
    # The same, as long as nothing is multiplied on the way (see `exact`).
    "aten.add.Tensor", "aten.add_.Tensor",
}  # fmt: skip
# Sums are exact where nothing is rounded: of whole numbers.
EXACT_OF_INTEGERS = {"aten.sum.default"}
# Weights are drawn by our own generator; torch draws some first when it makes a layer, which are replaced.
OVERWRITTEN = {"aten.uniform_.default", "aten.normal_.default"}


class InexactOperation(AssertionError):
    """An operation whose bits are the library's choice."""


class Guard(TorchDispatchMode):
    """Refuses what is not exact; remembers what it saw.

    Attributes
    ----------
    seen : set of str
    """

    def __init__(self, allowed: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.allowed = allowed
        self.seen: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = str(func), kwargs or {}
        self.seen.add(name)
        if name not in self.allowed and not exact(name, args, kwargs):
            shapes = [f"{a.dtype} {tuple(a.shape)}" for a in args if isinstance(a, torch.Tensor)]
            raise InexactOperation(f"{name} of {', '.join(shapes)} is not on the list of exact operations")
        return func(*args, **kwargs)


def exact(name: str, args: Any, kwargs: Any) -> bool:
    """Whether an operation's bits follow from IEEE-754 alone."""
    if name in EXACT_OF_INTEGERS:
        return not args[0].is_floating_point()
    # alpha multiplies: in one rounding or in two, as the library likes.
    return name in EXACT and kwargs.get("alpha", 1) in (1, -1)


@contextmanager
def guarded(allowed: set[str] | None = None) -> Iterator[Guard]:
    """Fail on inexact operations of this thread inside the block."""
    with Guard(frozenset(allowed or ())) as guard:
        yield guard
