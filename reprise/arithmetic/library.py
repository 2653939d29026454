"""The compiled kernels of this machine, loaded once."""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import c_double, c_int, c_int64, c_ssize_t, c_void_p

from reprise.arithmetic import build
from reprise.arithmetic.structures import Program, RowSource, SharedUpdate, SliceJob
from reprise.foundation.errors import EnvironmentProblem

ISA_VARIABLE = "REPRISE_ISA"  # forces an instruction set, for tests
P, N = c_void_p, c_ssize_t
# The functions that Python calls: what they return, and what they take.
SIGNATURES: dict[str, tuple[type | None, tuple[object, ...]]] = {
    "best_isa": (ctypes.c_char_p, ()),
    "isa_name": (ctypes.c_char_p, ()),
    "linear_packed": (N, (P, c_int)),
    "convolution_packed": (N, (P, c_int)),
    "matrices_packed": (N, (P,)),
    "program_train": (None, (ctypes.POINTER(Program), ctypes.POINTER(SliceJob))),
    "program_judge": (None, (ctypes.POINTER(Program), ctypes.POINTER(SliceJob))),
    "program_outputs": (None, (ctypes.POINTER(Program), ctypes.POINTER(RowSource), P)),
    "add_slices": (None, (P, N, N)),
    "sum_of_squares": (c_double, (P, N, N)),
    "share_update": (None, (ctypes.POINTER(SharedUpdate),)),
    "cross_entropy": (c_double, (P, P, N, N, c_double, P, c_double, P)),
    "binary_cross_entropy": (c_double, (P, P, N, c_double, P, c_double, P)),
    "squared_error": (c_double, (P, P, N, c_double, P)),
    "huber": (c_double, (P, P, N, c_double, c_double, P)),
    "count_correct": (c_int64, (P, P, N, N)),
    "class_probabilities": (None, (P, P, N, N)),
    "column_means": (None, (P, N, N, P)),
    "gram": (None, (P, P, N, N, P)),
    "factorise": (None, (P, N)),
    "solve": (None, (P, P, N, N)),
    "sum_of_products": (c_double, (P, P, N)),
    "linear_loss": (c_double, (c_int, P, P, P, N, N, N, c_double, P, P)),
}


def chosen_isa() -> str:
    """Return the instruction set to use: the best of this processor, or what ``REPRISE_ISA`` asks for.

    Raises
    ------
    EnvironmentProblem
        If the one asked for is unknown or this processor lacks it, or the machine is none that is supported.
    """
    machine = build.this_target().split("-")[0]
    known = list(build.ISAS.get(machine, ()))
    if not known:
        raise EnvironmentProblem(
            f"environment: portable numerics are for {' and '.join(build.ISAS)}, this machine is {machine}; "
            "set train.numerics: native"
        )
    best: str = load(known[0]).best_isa().decode() if len(known) > 1 else known[0]
    wanted = os.environ.get(ISA_VARIABLE) or best
    if wanted not in known or known.index(wanted) > known.index(best):
        able = ", ".join(known[: known.index(best) + 1])
        raise EnvironmentProblem(f"{ISA_VARIABLE}: found {wanted!r}; this machine can do {able}")
    return wanted


@functools.cache
def kernels() -> ctypes.CDLL:
    """Return the kernels for this machine; the first call loads them.

    Raises
    ------
    EnvironmentProblem
        If there is no library and no compiler to make one.
    """
    return load(chosen_isa())


@functools.cache
def load(isa: str) -> ctypes.CDLL:
    """Return the library of an instruction set, compiled when it isn't there yet."""
    path = build.ensure(isa)
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise EnvironmentProblem(
            f"environment: {path.name} can't be loaded ({error}); run make env"
        ) from None
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
