"""Layers over images: what each becomes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, cast

from reprise.arithmetic import axes
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Draft, Kind, Refused
from reprise.arithmetic.feature_rules import layer_norm
from reprise.arithmetic.image_layers import SameConv2d
from reprise.arithmetic.structures import ConvolutionShape, Window
from reprise.arithmetic.views import View

Pair = tuple[int, int]
Rule = Callable[[Builder, str, Any, View], View]


def _sides(row: tuple[int, ...], kernel: Pair, stride: Pair, pads: Pair, dilation: Pair = (1, 1)) -> Pair:
    """Return the height and width that come out; `pads` are the pixels on both sides together."""
    height, width = (
        (side + pad - spread * (reach - 1) - 1) // step + 1
        for side, reach, step, pad, spread in zip(row[1:], kernel, stride, pads, dilation, strict=True)
    )
    if min(height, width) < 1:
        raise Refused(f"leaves nothing of images of {row[1]} by {row[2]} pixels")
    return height, width


def _image(b: Builder, x: View, channels: int | None = None) -> View:
    if len(x.row) != 3 or (channels is not None and x.row[0] != channels):
        wanted = "an image" if channels is None else f"an image of {channels} channels"
        raise Refused(f"takes {wanted}, but its input is {x.row}")
    return b.image(x)


def convolution(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return a convolution."""
    x = _image(b, x, layer.in_channels)
    kernel, stride, dilation = (
        cast(Pair, pair) for pair in (layer.kernel_size, layer.stride, layer.dilation)
    )
    if isinstance(layer, SameConv2d):  # the kernels know the pixels before; the outputs tell those after
        (top, bottom), (left, right) = (layer.pads(x.row[axis + 1], axis) for axis in (0, 1))
    else:
        top, left = bottom, right = (0, 0) if layer.padding == "valid" else cast(Pair, layer.padding)
    height, width = _sides(x.row, kernel, stride, (top + bottom, left + right), dilation)
    sizes = ConvolutionShape(
        x.row[1], x.row[2], x.row[0], height, width, layer.out_channels,
        *kernel, *stride, top, left, *dilation, layer.groups,
    )  # fmt: skip
    draft = Draft(Kind.CONVOLUTION, x.source, weight=f"{name}.weight", bias=f"{name}.bias", shape=sizes)
    return b.append_image(draft, layer.out_channels, height, width)


def norm_of_images(kind: Kind) -> Rule:
    """Return the rule of a norm over the channels of images."""

    def rule(b: Builder, name: str, layer: Any, x: View) -> View:
        x = _image(b, x, layer.num_features if kind == Kind.BATCH_NORM else layer.num_channels)
        draft = Draft(
            kind, x.source, weight=f"{name}.weight", bias=f"{name}.bias", layer=name,
            pixels=prod(x.row[1:]), channels=x.row[0], number=layer.eps,
            choice=getattr(layer, "num_groups", 0),
        )  # fmt: skip
        return b.append_like(draft, x)

    return rule


def channel_norm(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return a layer norm over each pixel's channels, which lie side by side."""
    return axes.permute(b, layer_norm(b, name, layer, axes.permute(b, x, 0, 2, 3, 1)), 0, 3, 1, 2)


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def pool(kind: Kind) -> Rule:
    """Return the rule of a pooling."""

    def rule(b: Builder, _: str, layer: Any, x: View) -> View:
        x = _image(b, x)
        kernel, stride, padding = map(_pair, (layer.kernel_size, layer.stride, layer.padding))
        height, width = _sides(x.row, kernel, stride, (2 * padding[0], 2 * padding[1]))
        window = Window(x.row[1], x.row[2], x.row[0], height, width, *kernel, *stride, *padding)
        choice = int(getattr(layer, "count_include_pad", False))
        return b.append_image(Draft(kind, x.source, choice=choice, shape=window), x.row[0], height, width)

    return rule


def global_average(b: Builder, _: str, __: Any, x: View) -> View:
    """Return each channel's average over the pixels."""
    x = _image(b, x)
    draft = Draft(Kind.GLOBAL_AVERAGE, x.source, pixels=prod(x.row[1:]), channels=x.row[0])
    return b.append_image(draft, x.row[0], 1, 1)
