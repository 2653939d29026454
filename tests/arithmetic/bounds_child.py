"""Run kernels on arrays between two pages that may not be touched: a step outside ends the process.

Arguments: an instruction set, and "end" or "start": which end of the arrays lies at a page's border.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from typing import Any

import family_cases
import numpy as np
from family_library import TYPES, prototypes
from products import by_kernels as layer
from products import convolution_case, linear_case, matrices_by_kernels, matrices_case

from reprise.arithmetic import library

PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
KEPT: list[Any] = []


def guarded(count: int, dtype: np.dtype[Any], where: str) -> np.ndarray:
    """Return memory whose neighbours before the first page and behind the last may not be touched."""
    wanted = max(count * dtype.itemsize, 1)
    pages = -(-wanted // PAGE)
    block = mmap.mmap(-1, (pages + 2) * PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(block))
    for border in (address, address + (pages + 1) * PAGE):
        assert LIBC.mprotect(border, PAGE, 0) == 0
    at = PAGE if where == "start" else (pages + 1) * PAGE - count * dtype.itemsize
    KEPT.append(block)
    return np.frombuffer(block, dtype, count, at)


def copied(array: np.ndarray, where: str) -> np.ndarray:
    made = guarded(array.size, array.dtype, where).reshape(array.shape)
    made[...] = array
    return made


def products(isa: str, where: str) -> None:
    """Linear layers, convolutions and matrices of odd shapes."""

    def new(size: tuple[int, ...]) -> np.ndarray:
        return guarded(int(np.prod(size)), np.dtype(np.float32), where).reshape(size)

    rng = np.random.default_rng(3)
    cases = [linear_case(rng, number) for number in range(20)]
    cases += [convolution_case(rng, number) for number in range(100)]
    for case in cases:
        case.x, case.weight, case.gy = (copied(a, where) for a in (case.x, case.weight, case.gy))
        case.bias = None if case.bias is None else copied(case.bias, where)
        layer(library.load(isa), case, new)
        KEPT.clear()
    for number in range(30):
        pairs = matrices_case(rng, number)
        pairs.a, pairs.b, pairs.gy = (copied(a, where) for a in (pairs.a, pairs.b, pairs.gy))
        matrices_by_kernels(library.load(isa), pairs, new)
        KEPT.clear()


def families(isa: str, where: str) -> None:
    """Every function of families.h."""
    kernels = library.load(isa)
    rng = np.random.default_rng(4)
    for family in family_cases.FAMILIES.values():
        for _ in range(12):
            for case in family(rng):
                call(getattr(kernels, case.name), case, where)
                KEPT.clear()


def call(function: Any, case: family_cases.Case, where: str) -> None:
    taken = prototypes()[case.name][1]
    passed: list[object] = []
    for kind, argument in zip(taken, case.arguments, strict=True):
        if isinstance(argument, np.ndarray):
            passed.append(ctypes.c_void_p(copied(argument, where).ctypes.data))
        elif isinstance(argument, list):
            parts = [copied(part, where).ctypes.data for part in argument]
            passed.append((ctypes.c_void_p * len(parts))(*parts))
        elif isinstance(argument, ctypes.Structure):
            passed.append(ctypes.cast(ctypes.byref(argument), ctypes.c_void_p))
        else:
            passed.append(ctypes.c_void_p(None) if kind == "*" else TYPES[kind](argument))  # type: ignore[arg-type]
    function.argtypes = None
    function(*passed)


def programs(where: str) -> None:
    """Whole networks, forwards and backwards: what a program points into, each piece by itself."""
    import torch  # takes seconds, which the others do without
    from networks import NETWORKS, by_kernels, network

    from reprise.arithmetic import parameters, runner

    def floats(_self: runner.Runner | parameters.PackedWeights, count: int) -> int:
        return int(guarded(count, np.dtype(np.float32), where).ctypes.data)

    runner.Runner._floats = floats  # type: ignore[method-assign]
    parameters.PackedWeights._floats = floats  # type: ignore[method-assign]
    for name in NETWORKS.keys() - {"resnet18"}:
        module, data = network(name)
        x = torch.from_numpy(copied(data.x.numpy(), where))
        y = torch.from_numpy(copied(data.y.numpy(), where))
        found, _, _ = by_kernels(module, type(data)(x, y, data.normalise))
        assert all(gradient.isfinite().all() for gradient in found.values()), name
        KEPT.clear()


if __name__ == "__main__":
    isa, where, what = sys.argv[1:]
    if what == "products":
        products(isa, where)
    elif what == "families":
        families(isa, where)
    elif what == "programs":
        programs(where)
    else:  # one float too many
        array = guarded(7, np.dtype(np.float32), where)
        ctypes.memset(array.ctypes.data - (4 if where == "start" else 0), 0, 32)
    print("done")
