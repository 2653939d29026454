"""Linear layers and convolutions whose float32 bits don't depend on the CPU.

With the settings of portable numerics (see `reprise.training.runtime`) and one intra-op thread, most of torch
computes the same bits on every x86-64-v3 machine. Two things don't, or are slow, and are routed here, by shape alone:

* oneDNN's gradient of a strided convolution with respect to its input is blocked by the size of the caches. It is
  computed here as one unstrided convolution for each residue of the output position modulo the stride.
* MKL's reproducible matrix product is three times slower than oneDNN's on anything but small layers.

All other convolutions use oneDNN's direct AVX2 kernels ("jit:avx2" and "jit_1x1:avx2"), whose blocking is a function
of the shape (jit_avx2_conv_kernel_f32.cpp and jit_avx2_1x1_conv_kernel_f32.cpp in oneDNN's source), or, where those
don't apply, patches and a matrix product (`brgemm_matmul_utils.cpp`: blocks of 1024 along the sum).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from reprise.errors import UserError

Pair = tuple[int, int]
Grad = Tensor | None

# Multiply-adds from which oneDNN's matrix product beats MKL's reproducible one (benchmarks/kernels.py).
ONEDNN_PRODUCT_FROM = 400_000


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Matrix product a bᵀ (+ bias) by a kernel chosen by shape; a is [m, k], b is [n, k], bias [n]."""
    if a.shape[0] * b.shape[0] * a.shape[1] < ONEDNN_PRODUCT_FROM:
        return F.linear(a, b, bias)
    # Private to torch; tests/test_kernels.py checks its signature.
    y: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")
    return y


def _plain(x: Tensor) -> Tensor:
    """The tensor in row-major order with the strides that follow from its shape, so that layout chooses nothing."""
    return x.contiguous().view(-1).view(x.shape)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gy: Tensor) -> tuple[Grad, Grad, Grad]:
        x, weight = ctx.saved_tensors
        gy = _plain(gy)
        return (
            product(gy, weight.t()) if ctx.needs_input_grad[0] else None,
            product(gy.t(), x.t()) if ctx.needs_input_grad[1] else None,
            gy.sum(0) if ctx.needs_input_grad[2] else None,
        )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` with portable bits on CPU.

    Parameters
    ----------
    x : Tensor
        float32, [..., in].
    weight : Tensor
        float32, [out, in].
    bias : Tensor, optional
        float32, [out].

    Returns
    -------
    Tensor
        float32, [..., out].
    """
    if x.device.type != "cpu" or x.numel() // x.shape[-1] * weight.numel() < ONEDNN_PRODUCT_FROM:
        return F.linear(x, weight, bias)
    rows = _plain(x).view(-1, x.shape[-1])
    y: Tensor = _Linear.apply(rows, weight, bias)
    return y.view(*x.shape[:-1], weight.shape[0])


def direct(x: Pair | torch.Size, weight: torch.Size, stride: Pair, padding: Pair) -> bool:
    """Whether oneDNN computes this convolution and its gradients with its direct AVX2 kernels.

    True implies it (tests/test_kernels.py asks oneDNN); false means patches and a matrix product are used.
    """
    batch, _, height, width = x
    _, _, kh, kw = weight
    out_width = (width + 2 * padding[1] - kw) // stride[1] + 1
    if kh == kw == 1:
        return padding == (0, 0) and (batch >= 16 or stride != (1, 1))
    return (
        batch >= 2
        and max(kh, kw) <= 7
        and kh <= height
        and kw <= width
        and padding[0] < kh
        and padding[1] < kw
        and padding[1] <= min(3, out_width)
    )


def _unstrided_input_gradient(gy: Tensor, weight: Tensor, shape: torch.Size, stride: Pair, padding: Pair) -> Tensor:
    """Gradient of a strided convolution by its input, one residue of the input position at a time.

    Input row s·q + r − p receives the kernel's rows r, r + s, r + 2s, … and nothing else: an unstrided convolution of
    the output gradient with a part of the kernel. No multiplication is wasted.
    """
    gx = gy.new_zeros(shape)
    sh, sw = stride
    for r in range(min(sh, weight.shape[2])):
        for c in range(min(sw, weight.shape[3])):
            part = weight[:, :, r::sh, c::sw].transpose(0, 1).flip(2, 3).contiguous()
            full = (part.shape[2] - 1, part.shape[3] - 1)
            values = torch.ops.aten.mkldnn_convolution(gy, part, None, full, (1, 1), (1, 1), 1)
            top, left = -((r - padding[0]) // sh), -((c - padding[1]) // sw)
            place = gx[:, :, sh * top + r - padding[0] :: sh, sw * left + c - padding[1] :: sw]
            values = values[:, :, top : top + place.shape[2], left : left + place.shape[3]]
            place[:, :, : values.shape[2], : values.shape[3]] = values
    return gx


class _DirectConv2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        y: Tensor = torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1), 1)
        return y

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gy: Tensor) -> tuple[Grad, Grad, Grad, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.geometry
        gy = _plain(gy)
        need_x, need_weight, need_bias = ctx.needs_input_grad[:3]
        gx = gw = gb = None
        if need_x and stride != (1, 1):
            gx = _unstrided_input_gradient(gy, weight, x.shape, stride, padding)
            need_x = False
        if need_x or need_weight or need_bias:
            found = torch.ops.aten.convolution_backward(
                gy, x, weight, [weight.shape[0]], stride, padding, (1, 1), False, (0, 0), 1,
                (need_x, need_weight, need_bias),
            )  # fmt: skip
            gx, gw, gb = found[0] if need_x else gx, found[1], found[2]
        return gx, gw, gb, None, None


class _ProductConv2d(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        out, _, kh, kw = weight.shape
        patches = F.unfold(x, (kh, kw), padding=padding, stride=stride).transpose(1, 2).flatten(0, 1)
        y = product(patches, weight.view(out, -1), bias).view(len(x), -1, out).transpose(1, 2)
        return y.reshape(len(x), out, (x.shape[2] + 2 * padding[0] - kh) // stride[0] + 1, -1)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, gy: Tensor) -> tuple[Grad, Grad, Grad, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.geometry
        out, _, kh, kw = weight.shape
        rows = gy.flatten(2).transpose(1, 2).reshape(-1, out)
        gx = gw = gb = None
        if ctx.needs_input_grad[0]:
            parts = product(rows, weight.view(out, -1).t()).view(len(x), -1, weight[0].numel()).transpose(1, 2)
            gx = F.fold(parts, x.shape[2:], (kh, kw), padding=padding, stride=stride)
        if ctx.needs_input_grad[1]:
            patches = F.unfold(x, (kh, kw), padding=padding, stride=stride).transpose(1, 2).flatten(0, 1)
            gw = product(rows.t(), patches.t()).view(weight.shape)
        if ctx.needs_input_grad[2]:
            gb = rows.sum(0)
        return gx, gw, gb, None, None
