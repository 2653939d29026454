"""Shapes that take every route through the portable kernels, and what the kernels make of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reprise.numerics import kernels

Pair = tuple[int, int]
Case = tuple[int, int, int, Pair, Pair, Pair, Pair]
Direct = tuple[tuple[int, ...], tuple[int, ...], Pair, Pair]
# (batch, channels in, channels out, kernel, stride, padding, height and width): every route and its edges.
CONVOLUTIONS = [
    (16, 1, 16, (3, 3), (2, 2), (0, 0), (28, 28)),  # patches for the weights
    (16, 16, 32, (3, 3), (2, 2), (0, 0), (13, 13)),  # a product for the input
    (16, 32, 64, (3, 3), (1, 1), (0, 0), (6, 6)),  # direct throughout
    (8, 64, 128, (3, 3), (2, 2), (1, 1), (32, 32)),  # torch's own gradient depends on caches here
    (8, 256, 512, (3, 3), (2, 2), (1, 1), (8, 8)),  # and here, in another way
    (8, 64, 128, (1, 1), (2, 2), (0, 0), (16, 16)),
    (16, 24, 40, (1, 1), (1, 1), (0, 0), (9, 7)),
    (4, 8, 8, (1, 1), (1, 1), (0, 0), (9, 7)),
    (1, 5, 7, (3, 3), (1, 1), (1, 1), (30, 30)),
    (4, 3, 16, (9, 9), (2, 2), (3, 3), (40, 40)),
    (3, 6, 10, (2, 3), (3, 1), (2, 0), (11, 9)),
]
# The other layers that portable numerics accept and that compute something of their own. Our own two, batch
# norm over a slice and dropout, are in the models of tests/proof.
LAYERS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "batch norm": lambda: nn.BatchNorm2d(5),
    "max pool": lambda: nn.MaxPool2d(3, 2, 1),
    "average pool": lambda: nn.AdaptiveAvgPool2d((1, 1)),
    "average pool, uneven": lambda: nn.AdaptiveAvgPool2d((3, 2)),
}
LINEARS = [(128, 1024, 256), (64, 64, 10), (5, 2050, 300), (500, 30, 64), (1, 700, 700)]


def gradients(route: Callable[..., Tensor], *tensors: Tensor) -> list[Tensor]:
    """Output and gradients of a layer function at fixed random tensors."""
    inputs = [tensor.clone().requires_grad_() for tensor in tensors]
    y = route(*inputs)
    weights = torch.rand(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype) - 0.5
    return [y.detach(), *torch.autograd.grad(y, inputs, weights)]


def tensors_of(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(shape, generator=generator) - 0.5 for shape in shapes]


def convolution(case: Case) -> list[Tensor]:
    batch, channels, out, kernel, stride, padding, size = case
    x, weight, bias = tensors_of((batch, channels, *size), (out, channels, *kernel), (out,))
    return gradients(lambda x, w, b: kernels.conv2d(x, w, b, stride, padding), x, weight, bias)


def dense(case: tuple[int, int, int]) -> list[Tensor]:
    batch, features, out = case
    return gradients(kernels.linear, *tensors_of((batch, features), (out, features), (out,)))


def digest(tensors: list[Tensor]) -> list[str]:
    return [hashlib.sha256(t.contiguous().numpy().tobytes()).hexdigest()[:16] for t in tensors]


def all_digests() -> dict[str, list[str]]:
    cases = {f"conv2d {case}": digest(convolution(case)) for case in CONVOLUTIONS}
    cases |= {f"linear {case}": digest(dense(case)) for case in LINEARS}
    (x,) = tensors_of((7, 5, 23, 19))
    return cases | {name: digest(gradients(make(), 20 * x)) for name, make in LAYERS.items()}


def torch_input_gradient() -> list[str]:
    """What the project avoids: torch's own gradient of a strided convolution by its input."""
    x, weight, bias = tensors_of((8, 64, 32, 32), (128, 64, 3, 3), (128,))
    return digest(gradients(lambda x, w, b: F.conv2d(x, w, b, 2, 1), x, weight, bias)[1:2])


def direct_cases(count: int = 150) -> list[Direct]:
    """Random shapes that `is_direct` accepts: x, weight, stride, padding."""
    choose = random.Random(0)
    cases: list[Direct] = [
        ((16, 24, 9, 7), (40, 24, 1, 1), (1, 1), (0, 0)),
        ((2, 64, 8, 8), (8, 64, 1, 1), (2, 2), (0, 0)),
    ]
    while len(cases) < count:
        kernel = choose.choice([(1, 1), (3, 3), (5, 5), (7, 7), (2, 2), (1, 3), (5, 2), (6, 4)])
        stride = choose.choice([(1, 1), (2, 2), (3, 3), (1, 2)])
        padding = (choose.randrange(4), choose.randrange(4))
        size = (choose.randrange(1, 30), choose.randrange(1, 30))
        channels, out = choose.choice([1, 3, 4, 8, 20, 64]), choose.choice([1, 6, 16, 33, 64])
        x, weight = (choose.choice([2, 3, 16]), channels, *size), (out, channels, *kernel)
        fits = all(s + 2 * p >= k for s, p, k in zip(size, padding, kernel, strict=True))
        if fits and kernels.is_direct(x, weight, stride, padding):
            cases.append((x, weight, stride, padding))
    return cases
