"""Linear layers and convolutions of random shapes: by the kernels, and by the reference."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.arithmetic import build, library
from reprise.arithmetic.structures import ConvolutionShape, LinearShape, MatrixPairs

Floats = NDArray[np.float32]
Shape = LinearShape | ConvolutionShape
SPECIAL = np.array([0.0, -0.0, 1e-42, -3e-39, np.inf, -np.inf, np.nan], np.float32)


def possible_isas() -> list[str]:
    """Return the instruction sets that this machine can run, the most general first."""
    known = list(build.ISAS[build.this_target().split("-")[0]])
    best = library.load(known[0]).best_isa().decode() if len(known) > 1 else known[0]
    return known[: known.index(best) + 1]


@dataclass
class Case:
    """A layer, its input x, the gradient of its output, weights, perhaps a bias; images are channels last."""

    kind: str
    shape: Shape
    rows: int
    relu: int
    x: Floats
    weight: Floats
    gy: Floats
    bias: Floats | None
    note: str = field(default="")

    def __str__(self) -> str:
        sizes = {name: getattr(self.shape, name) for name, _ in self.shape._fields_}
        return f"{self.kind} of {self.rows} rows, relu {self.relu}, {sizes} {self.note}"


def _case(rng: np.random.Generator, shape: Shape, rows: int, *sizes: tuple[int, ...]) -> Case:
    kind = "linear" if isinstance(shape, LinearShape) else "convolution"
    x, weight, gy, bias = (rng.standard_normal(size).astype(np.float32) for size in sizes)
    case = Case(kind, shape, rows, int(rng.integers(3)), x, weight, gy, bias if rng.random() < 0.7 else None)
    fate = rng.random()
    for array in (case.x, case.weight, case.gy):
        if fate < 0.15:
            case.note = "with zeros of both signs"
            array[rng.random(array.shape) < 0.2] = rng.choice(SPECIAL[:2])
        elif fate < 0.3:
            case.note = "with products that are denormal"
            array *= np.float32(1e-21)
        elif fate < 0.45:
            case.note = "with inf, NaN and denormals"
            places = rng.random(array.shape) < 0.01
            array[places] = rng.choice(SPECIAL, int(places.sum()))
    return case


def linear_case(rng: np.random.Generator, number: int) -> Case:
    """Return a linear layer; some are longer than one block of terms or of rows."""
    rows, inputs, outputs = (int(size) for size in rng.integers(1, (90, 140, 140)))
    if number % 10 == 0:
        inputs = 1111
    if number % 10 == 1:
        rows, inputs, outputs = 1300, 20, 17
    shape = LinearShape(inputs, outputs)
    return _case(rng, shape, rows, (rows, inputs), (outputs, inputs), (rows, outputs), (outputs,))


def convolution_case(rng: np.random.Generator, number: int) -> Case:
    """Return a convolution: every second has groups, each channel by itself, dilation, or uneven padding."""
    while True:
        kernel, stride, pad = rng.integers(1, 5, 2), rng.integers(1, 4, 2), rng.integers(0, 4, 2)
        dilation = rng.integers(1, 4, 2) if number % 3 == 0 else np.ones(2, np.int64)
        size = rng.integers(1, 14, 2) + np.maximum(0, (kernel - 1) * dilation + 1 - 2 * pad)
        groups = int(rng.integers(2, 5)) if number % 4 == 1 else 1
        channels, outputs = groups * int(rng.integers(1, 20)), groups * int(rng.integers(1, 40))
        if number % 4 == 2:
            groups = channels = outputs = int(rng.integers(2, 90))
        if number % 50 == 0:
            size[:] = 40
        if number % 40 == 2:  # a factor for each channel
            kernel, stride, pad = np.ones(2, np.int64), np.ones(2, np.int64), np.zeros(2, np.int64)
        after = pad + (rng.integers(0, 3, 2) if number % 7 == 3 else 0)
        out = (size + pad + after - (kernel - 1) * dilation - 1) // stride + 1
        if out.min() >= 1:
            break
    rows = int(rng.integers(1, 5))
    numbers = [*size, channels, *out, outputs, *kernel, *stride, *pad, *dilation, groups]
    shape = ConvolutionShape(*map(int, numbers))
    return _case(
        rng, shape, rows, (rows, *size, channels), (outputs, channels // groups, *kernel),
        (rows, *out, outputs), (outputs,),
    )  # fmt: skip


@dataclass
class Pairs:
    """Matrices a and b to be multiplied, and the gradient of their product."""

    shape: MatrixPairs
    rows: int
    a: Floats
    b: Floats
    gy: Floats

    def __str__(self) -> str:
        return f"{self.rows} rows of {[getattr(self.shape, name) for name, _ in self.shape._fields_]}"


def matrices_case(rng: np.random.Generator, number: int) -> Pairs:
    """Return matrices, some with more terms than a part of a chain, some with special values."""
    pairs, height, inner, width = (int(size) for size in rng.integers(1, (5, 40, 70, 70)))
    if number % 7 == 0:
        height, inner, width = (int(size) for size in rng.integers(100, 300, 3))
    rows = int(rng.integers(1, 4))
    shape = MatrixPairs(pairs, height, inner, width, int(rng.integers(2)))
    sizes = (height, inner), ((width, inner) if shape.transposed else (inner, width)), (height, width)
    made = [rng.standard_normal((rows, pairs, *size)).astype(np.float32) for size in sizes]
    if number % 3 == 0:
        for array in made:
            places = rng.random(array.shape) < 0.01
            array[places] = rng.choice(SPECIAL, int(places.sum()))
    return Pairs(shape, rows, *made)


def matrices_by_kernels(kernels: ctypes.CDLL, case: Pairs, new: Any = None) -> list[Floats]:
    """Return the product and both gradients; `new(shape)` makes the arrays that are written."""
    new = new or (lambda size: np.full(size, np.nan, np.float32))
    y, ga, gb = made = [new(like.shape) for like in (case.gy, case.a, case.b)]
    shape, rows = ctypes.byref(case.shape), ctypes.c_ssize_t(case.rows)
    kernels.matrices_packed.restype = ctypes.c_ssize_t
    packed = address(room := new((kernels.matrices_packed(shape),)))
    a, b, gy = map(address, (case.a, case.b, case.gy))
    kernels.matrices_forward(shape, rows, a, b, packed, address(y))
    kernels.matrices_first_gradient(shape, rows, gy, b, packed, address(ga))
    kernels.matrices_second_gradient(shape, rows, gy, a, address(gb))
    del room
    return made


def matrices_by_reference(reference: ctypes.CDLL, case: Pairs) -> list[Floats]:
    """The same by the naive loops."""
    made = [unwritten(like) for like in (case.gy, case.a, case.b)]
    arrays = map(address, (case.a, case.b, case.gy, *made))
    reference.ref_matrices(ctypes.byref(case.shape), ctypes.c_ssize_t(case.rows), *arrays)
    return made


def address(array: Floats | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def unwritten(like: Floats) -> Floats:
    """NaN everywhere: what a kernel forgets to write shows."""
    return np.full_like(like, np.nan)


def by_reference(reference: ctypes.CDLL, case: Case) -> list[Floats]:
    """Return y, gx, gw and gb."""
    made = [unwritten(like) for like in (case.gy, case.x, case.weight)]
    y, gx, gw = made
    gb = np.full(case.weight.shape[0], np.nan, np.float32)
    shape, rows, name = ctypes.byref(case.shape), ctypes.c_ssize_t(case.rows), f"ref_{case.kind}"
    x, w, gy = address(case.x), address(case.weight), address(case.gy)
    getattr(reference, f"{name}_forward")(shape, rows, x, w, address(case.bias), case.relu, address(y))
    getattr(reference, f"{name}_input_gradient")(shape, rows, gy, w, address(gx))
    getattr(reference, f"{name}_weight_gradient")(shape, rows, gy, x, address(gw), address(gb))
    return [*made, gb]


def by_kernels(kernels: ctypes.CDLL, case: Case, new: Any = None) -> list[Floats]:
    """Return y, gx, gw and gb; `new(shape)` makes the arrays that are written."""
    new = new or (lambda size: np.full(size, np.nan, np.float32))
    y, gx, gw, gb = made = [
        new(size) for size in (case.gy.shape, case.x.shape, case.weight.shape, case.weight.shape[:1])
    ]
    shape, rows = ctypes.byref(case.shape), ctypes.c_ssize_t(case.rows)
    x, w, gy = address(case.x), address(case.weight), address(case.gy)

    def run(what: str, *arguments: object) -> Any:
        return getattr(kernels, f"{case.kind}_{what}")(shape, *arguments)

    packed, for_gradient = (new((run("packed", number),)) for number in (0, 1))
    run("pack", w, 0, address(packed))
    run("pack", w, 1, address(for_gradient))
    run("forward", rows, x, address(packed), address(case.bias), case.relu, address(y))
    run("input_gradient", rows, gy, address(for_gradient), address(gx))
    run("weight_gradient", rows, gy, x, address(gw), address(gb))
    return made


def bits(array: Floats) -> bytes:
    """The array's bytes; NaN's payload, of which IEEE-754 says nothing, apart."""
    return np.where(np.isnan(array), np.float32(np.nan), array).tobytes()
