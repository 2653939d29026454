"""Linear layers and convolutions whose float32 bits don't depend on the CPU.

Under the settings of `reprise.numerics.runtime`, most of torch computes the same bits on every x86-64-v3
machine. Two things don't, or are slow, and are routed here, by shape alone:

* oneDNN's gradient of a strided convolution by its input is blocked by the size of the caches. It is computed
  here as a matrix product whose parts are added in a fixed order.
* MKL's reproducible matrix product is three times slower than oneDNN's on all but small layers.

The other convolutions use oneDNN's direct AVX2 kernels ("jit:avx2", "jit_1x1:avx2"). These are blocked by
shape: in oneDNN's jit_avx2_conv_kernel_f32.cpp and jit_avx2_1x1_conv_kernel_f32.cpp, caches decide no more
than the number of threads. So is its matrix product (brgemm_matmul_utils.cpp: blocks of 1024 along the sum).
Where the direct kernels don't apply, patches are copied out and multiplied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Pair = tuple[int, int]
Grad = Tensor | None

# Measured by benchmarks/kernels.py. Multiply-adds from which oneDNN's product beats MKL's reproducible one:
ONEDNN_PRODUCT_FROM = 400_000
# Input channels up to which patches beat the direct kernel, which pads to 8, for the gradient by the weights:
PATCHES_UP_TO_CHANNELS = 4


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Matrix product a·bᵀ (+ bias): [m, k] and [n, k] (and [n]) give [m, n]."""
    if a.shape[0] * b.shape[0] * a.shape[1] < ONEDNN_PRODUCT_FROM:
        return F.linear(a, b, bias)
    # This operator is private to torch; tests/test_kernels.py checks that it is there.
    result: Tensor = torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")
    return result


def _plain(x: Tensor) -> Tensor:
    """`x` in row-major order with the strides that its shape implies, so that no layout chooses a kernel."""
    if x.is_contiguous() and 1 not in x.shape:  # a dimension of one element may have any stride
        return x
    return x.contiguous().view(-1).view(x.shape)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        x, weight = _plain(x), _plain(weight)
        ctx.save_for_backward(x, weight)
        return product(x.view(-1, x.shape[-1]), weight, bias).view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Grad, Grad, Grad]:
        x, weight = ctx.saved_tensors
        rows, rows_x = _plain(gy).view(-1, weight.shape[0]), x.view(-1, x.shape[-1])
        return (
            product(rows, weight.t()).view(x.shape) if ctx.needs_input_grad[0] else None,
            product(rows.t(), rows_x.t()) if ctx.needs_input_grad[1] else None,
            rows.sum(0) if ctx.needs_input_grad[2] else None,
        )


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`, with portable bits on CPU.

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
    small = x.numel() * weight.shape[0] < ONEDNN_PRODUCT_FROM  # torch's own path then uses the same products
    if small or x.device.type != "cpu":
        return F.linear(x, weight, bias)
    y: Tensor = _Linear.apply(x, weight, bias)
    return y


def is_direct(x: Sequence[int], weight: Sequence[int], stride: Pair, padding: Pair) -> bool:
    """Whether oneDNN's direct AVX2 kernels compute a convolution of these shapes.

    If true they do, for the output, the gradient by the weights and, unstrided, the gradient by the input
    (tests/test_kernels.py asks oneDNN). If false they might not, and products are used.
    """
    batch, _, height, width = x
    kh, kw = weight[2:]
    out_width = (width + 2 * padding[1] - kw) // stride[1] + 1
    if kh == kw == 1:
        # torch itself leaves small unstrided ones to MKL
        return padding == (0, 0) and batch > 1 and (batch >= 16 or stride != (1, 1))
    return (
        batch > 1
        and kh <= min(7, height)
        and kw <= min(7, width)
        and padding[0] < kh
        and padding[1] < kw
        and padding[1] <= min(3, out_width)
    )


def _patches(x: Tensor, kernel: Pair, stride: Pair, padding: Pair) -> Tensor:
    """What the kernel sees: [channels · kh · kw, batch · output height · output width]."""
    padded = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    batch, channels, height, width = padded.shape
    out = (height - kernel[0]) // stride[0] + 1, (width - kernel[1]) // stride[1] + 1
    b, c, h, w = padded.stride()
    views = padded.as_strided((channels, *kernel, batch, *out), (c, h, w, b, h * stride[0], w * stride[1]))
    return views.reshape(channels * kernel[0] * kernel[1], -1)


def _output(x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair) -> Tensor:
    """The convolution, by one product over patches."""
    out, _, kh, kw = weight.shape
    y = product(_patches(x, (kh, kw), stride, padding).t(), weight.view(out, -1), bias)
    height = (x.shape[2] + 2 * padding[0] - kh) // stride[0] + 1
    return y.view(len(x), height, -1, out).permute(0, 3, 1, 2).contiguous()


def _input_gradient(gy: Tensor, weight: Tensor, shape: torch.Size, stride: Pair, padding: Pair) -> Tensor:
    """Gradient by the input: each tap of the kernel's share from one product, added tap by tap."""
    batch, channels, height, width = shape
    out, _, kh, kw = weight.shape
    oh, ow = gy.shape[2:]
    rows = gy.permute(0, 2, 3, 1).reshape(-1, out)
    taps = weight.permute(0, 2, 3, 1).reshape(out, -1)
    shares = product(rows, taps.t()).view(batch, oh, ow, kh, kw, channels)
    gx = gy.new_zeros(batch, height + 2 * padding[0], width + 2 * padding[1], channels)
    row_span, column_span = stride[0] * (oh - 1) + 1, stride[1] * (ow - 1) + 1
    for i in range(kh):
        for j in range(kw):
            reached = gx[:, i : i + row_span : stride[0], j : j + column_span : stride[1]]
            reached.add_(shares[:, :, :, i, j])
    inner = gx[:, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
    return inner.permute(0, 3, 1, 2).contiguous()


def _weight_gradient(
    gy: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair
) -> tuple[Tensor, Tensor]:
    """Gradients by the weights and the bias, by one product over patches."""
    out, _, kh, kw = weight.shape
    rows = gy.transpose(0, 1).reshape(out, -1)
    return product(rows, _patches(x, (kh, kw), stride, padding)).view(weight.shape), rows.sum(1)


class _Conv2d(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair
    ) -> Tensor:
        x, weight = _plain(x), _plain(weight)
        ctx.save_for_backward(x, weight)
        ctx.geometry = stride, padding
        if not is_direct(x.shape, weight.shape, stride, padding):
            return _output(x, weight, bias, stride, padding)
        y: Tensor = torch.ops.aten.mkldnn_convolution(x, weight, bias, padding, stride, (1, 1), 1)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gy: Tensor) -> tuple[Grad, Grad, Grad, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.geometry
        gy = _plain(gy)
        is_direct_shape = is_direct(x.shape, weight.shape, stride, padding)
        wants_x, wants_weight = ctx.needs_input_grad[0], any(ctx.needs_input_grad[1:3])
        direct_x = wants_x and is_direct_shape and stride == (1, 1)
        direct_weight = wants_weight and is_direct_shape and x.shape[1] > PATCHES_UP_TO_CHANNELS
        gx = gw = gb = None
        if direct_x or direct_weight:
            mask = direct_x, direct_weight, direct_weight
            gx, gw, gb = torch.ops.aten.convolution_backward(
                gy, x, weight, (len(weight),), stride, padding, (1, 1), False, (0, 0), 1, mask
            )
        if wants_x and not direct_x:
            gx = _input_gradient(gy, weight, x.shape, stride, padding)
        if wants_weight and not direct_weight:
            gw, gb = _weight_gradient(gy, x, weight, stride, padding)
        return gx, gw, gb if ctx.needs_input_grad[2] else None, None, None


def conv2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Pair = (1, 1), padding: Pair = (0, 0)
) -> Tensor:
    """`torch.nn.functional.conv2d`, with portable bits on CPU; one group, no dilation.

    Parameters
    ----------
    x : Tensor
        float32, [batch, channels, height, width].
    weight : Tensor
        float32, [out channels, channels, kernel height, kernel width].
    bias : Tensor, optional
        float32, [out channels].
    stride, padding : tuple of int
        Along height and width, in pixels; the padding is zeros.

    Returns
    -------
    Tensor
        float32, [batch, out channels, output height, output width].
    """
    if x.device.type != "cpu":
        return F.conv2d(x, weight, bias, stride, padding)
    y: Tensor = _Conv2d.apply(x, weight, bias, stride, padding)
    return y
