"""The kernels of reprise/arithmetic/c/families.h and their reference, compiled and called with arrays."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

C = Path("reprise/arithmetic/c")
HEADER = C / "families.h"
SOURCES = (
    *("activations", "softmax", "losses", "batch_norm", "layer_norm", "group_norm"),
    *(
        "pooling",
        "random",
        "embedding",
        "updates",
        "rows",
        "augment",
        "moves",
        "scratch",
        "piecewise",
        "members",
        "solve",
    ),
)
FLAGS = (
    *("-target", "x86_64-linux-gnu.2.17", "-std=c11", "-ffp-contract=off", "-fno-math-errno"),
    *("-fvisibility=hidden", "-fPIC", "-shared", "-s", "-Wall", "-Wextra", "-Werror"),
)
ISA_FLAGS = {
    "baseline": ("-mcpu=x86_64",),
    "avx2": ("-mcpu=x86_64_v3",),
    "avx512": ("-mcpu=x86_64_v4", "-mprefer-vector-width=512"),
}
TYPES = {
    "idx": ctypes.c_ssize_t,
    "int": ctypes.c_int,
    "double": ctypes.c_double,
    "float": ctypes.c_float,
    "uint64_t": ctypes.c_uint64,
    "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64,
}


def runnable() -> list[str]:
    """Return the instruction sets that this machine has."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    has = {"baseline": True, "avx2": " avx2" in flags and " fma" in flags, "avx512": " avx512dq" in flags}
    return [isa for isa in ISA_FLAGS if has[isa]]


def compile_sources(sources: Iterable[Path], flags: Iterable[str], library: Path) -> Path:
    """Compile C files into one shared library."""
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, "-I", str(C)]
    subprocess.run([*command, *map(str, sources), "-o", str(library)], check=True, timeout=300)
    return library


def compile_families(folder: Path, isa: str) -> Path:
    """Compile all families for one instruction set."""
    return compile_sources(
        [C / f"{name}.c" for name in SOURCES], ("-O3", *ISA_FLAGS[isa]), folder / f"{isa}.so"
    )


def compile_reference(folder: Path) -> Path:
    """Compile the reference, as slowly and plainly as can be."""
    sources = [
        Path(__file__).with_name(f"reference_{name}.c") for name in ("families", "moves", "solve", "augment")
    ]
    return compile_sources(sources, ("-O1", "-fno-vectorize", "-mcpu=x86_64"), folder / "reference.so")


def prototypes() -> dict[str, tuple[str, list[str]]]:
    """Return every exported function's result and the types of its arguments, as the header declares them."""
    found = {}
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    for result, name, arguments in re.findall(r"EXPORT (\w+) (\w+)\(([^)]*)\)", text):
        kinds = ["*" if "*" in a else a.split()[-2] for a in arguments.split(",")]
        found[name] = (result, kinds)
    return found


class Strides(ctypes.Structure):
    """`strides`."""

    _fields_ = (
        ("first", ctypes.c_ssize_t), ("size", ctypes.c_ssize_t * 5), ("step", ctypes.c_ssize_t * 5),
    )  # fmt: skip


class Piecewise(ctypes.Structure):
    """`piecewise`."""

    _fields_ = tuple((name, ctypes.c_ssize_t) for name in ("features", "columns", "knots", "bins"))


class Window(ctypes.Structure):
    """`window`."""

    _fields_ = tuple(
        (name, ctypes.c_ssize_t)
        for name in (
            *("height", "width", "channels", "out_height", "out_width", "kernel_h", "kernel_w"),
            *("stride_h", "stride_w", "pad_h", "pad_w"),
        )
    )


class Update(ctypes.Structure):
    """`update`."""

    _fields_ = (
        *((name, ctypes.c_double) for name in ("rate", "weight_decay", "factor", "momentum", "beta1")),
        *((name, ctypes.c_double) for name in ("beta2", "eps", "correction1", "correction2")),
        ("decoupled", ctypes.c_int),
    )


class ImageRows(ctypes.Structure):
    """`image_rows`."""

    _fields_ = (
        *((name, ctypes.c_ssize_t) for name in ("channels", "height", "width", "reach")),
        *((name, ctypes.c_void_p) for name in ("mean", "std", "down", "right", "mirrored")),
    )


class Augmentation(ctypes.Structure):
    """`augmentation`."""

    _fields_ = tuple((name, ctypes.c_void_p) for name in ("maps", "colours", "holes", "partners", "shares"))


Argument = np.ndarray | list[np.ndarray] | ctypes.Structure | int | float | None


def pointers(arrays: list[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    """Return a C array of the arrays' addresses."""
    return (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))


class Families:
    """A compiled library. `call` takes arrays, lists of arrays, structures and numbers."""

    def __init__(self, path: Path) -> None:
        """Load the library and give each function its types."""
        self.name = path.stem
        self.library = ctypes.CDLL(str(path))
        for name, (result, kinds) in prototypes().items():
            function = getattr(self.library, name)
            function.restype = None if result == "void" else TYPES[result]
            function.argtypes = [ctypes.c_void_p if kind == "*" else TYPES[kind] for kind in kinds]

    def call(self, name: str, *arguments: Argument) -> float | int | None:
        """Call a function."""
        passed: list[object] = []
        for a in arguments:
            if isinstance(a, np.ndarray):
                assert a.flags.c_contiguous
                passed.append(a.ctypes.data)
            elif isinstance(a, list):
                passed.append(pointers(a))
            elif isinstance(a, ctypes.Structure):
                passed.append(ctypes.byref(a))
            else:
                passed.append(a)
        result: float | int | None = getattr(self.library, name)(*passed)
        return result
