"""The layers that have a definition, and the operation that each becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import prod
from typing import Any, cast

import torch
from torch import nn

from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.arithmetic.structures import ConvolutionShape, LinearShape, Window

Shape = tuple[int, ...]
Pair = tuple[int, int]


class Kind(IntEnum):
    """``enum kind`` of program.h."""

    LINEAR = 0
    CONVOLUTION = 1
    ACTIVATION = 2
    BATCH_NORM = 3
    LAYER_NORM = 4
    GROUP_NORM = 5
    DROPOUT = 6
    MAX_POOL = 7
    AVERAGE_POOL = 8
    GLOBAL_AVERAGE = 9
    FLATTEN = 10
    SUM = 11


class Activation(IntEnum):
    """``enum activation`` of families.h."""

    RELU = 0
    RELU6 = 1
    LEAKY_RELU = 2
    GELU = 3
    SILU = 4
    SIGMOID = 5
    TANH = 6


@dataclass(frozen=True)
class Draft:
    """An operation before it has memory; the fields are those of ``operation`` in program.h.

    Attributes
    ----------
    x, x2, y : int
        Numbers of values; -1: none.
    layer : str
        The module's name; empty for a function.
    """

    kind: Kind
    x: int = -1
    x2: int = -1
    y: int = -1
    layer: str = ""
    relu: bool = False
    pixels: int = 1
    channels: int = 1
    choice: int = 0
    number: float = 0.0
    keep_below: int = 0
    shape: LinearShape | ConvolutionShape | Window | None = None


class Refused(Exception):
    """A layer that the kernels can't do, with the reason."""


Found = tuple[Draft | None, Shape]  # None: the values stay as they are


def relu() -> Draft:
    """Return ReLU as an operation of its own."""
    return Draft(Kind.ACTIVATION, choice=Activation.RELU)


def is_relu(draft: Draft) -> bool:
    """Whether an operation is ReLU and nothing else."""
    return draft.kind == Kind.ACTIVATION and draft.choice == Activation.RELU


def flatten(shape: Shape) -> Found:
    """Flatten a row; images lie channels last, so that their values change places."""
    flat = (prod(shape),)
    if len(shape) < 3 or shape[0] == 1 or prod(shape[1:]) == 1:
        return None, flat
    return Draft(Kind.FLATTEN, pixels=prod(shape[1:]), channels=shape[0]), flat


def _linear(name: str, layer: Any, shape: Shape) -> Found:
    if shape[-1] != layer.in_features or len(shape) == 3:
        raise Refused(f"takes {layer.in_features} features, but its input is {shape}; flatten it first")
    sizes = LinearShape(layer.in_features, layer.out_features)
    return Draft(Kind.LINEAR, layer=name, pixels=prod(shape[:-1]), shape=sizes), (
        *shape[:-1],
        layer.out_features,
    )


def _sides(shape: Shape, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> Pair:
    height, width = (
        (side + 2 * pad - spread * (reach - 1) - 1) // step + 1
        for side, reach, step, pad, spread in zip(shape[1:], kernel, stride, padding, dilation, strict=True)
    )
    if min(height, width) < 1:
        raise Refused(f"leaves nothing of images of {shape[1]} by {shape[2]} pixels")
    return height, width


def _image(shape: Shape, channels: int | None = None) -> None:
    if len(shape) != 3 or (channels is not None and shape[0] != channels):
        wanted = "an image" if channels is None else f"an image of {channels} channels"
        raise Refused(f"takes {wanted}, but its input is {shape}")


def _convolution(name: str, layer: Any, shape: Shape) -> Found:
    _image(shape, layer.in_channels)
    kernel, stride = cast(Pair, layer.kernel_size), cast(Pair, layer.stride)
    padding, dilation = (
        (0, 0) if layer.padding == "valid" else cast(Pair, layer.padding),
        cast(Pair, layer.dilation),
    )
    height, width = _sides(shape, kernel, stride, padding, dilation)
    sizes = ConvolutionShape(
        shape[1], shape[2], shape[0], height, width, layer.out_channels,
        *kernel, *stride, *padding, *dilation, layer.groups,
    )  # fmt: skip
    return Draft(Kind.CONVOLUTION, layer=name, shape=sizes), (layer.out_channels, height, width)


def _batch_norm(name: str, layer: Any, shape: Shape) -> Found:
    _image(shape, layer.num_features)
    return Draft(
        Kind.BATCH_NORM, layer=name, pixels=prod(shape[1:]), channels=shape[0], number=layer.eps
    ), shape


def _layer_norm(name: str, layer: Any, shape: Shape) -> Found:
    if len(shape) == 3 or tuple(layer.normalized_shape) != shape[-1:]:
        raise Refused(f"normalises {tuple(layer.normalized_shape)}, but its input is {shape}")
    return Draft(Kind.LAYER_NORM, layer=name, channels=shape[-1], number=layer.eps), shape


def _group_norm(name: str, layer: Any, shape: Shape) -> Found:
    _image(shape, layer.num_channels)
    draft = Draft(Kind.GROUP_NORM, layer=name, pixels=prod(shape[1:]), channels=shape[0], number=layer.eps)
    return Draft(**{**vars(draft), "choice": layer.num_groups}), shape


def _dropout(name: str, layer: Any, shape: Shape) -> Found:
    probability = layer.probability if isinstance(layer, Dropout) else layer.p
    if probability == 0.0:
        return None, shape
    if probability == 1.0:
        raise Refused("drops everything; use a probability below 1")
    keep = 1.0 - probability
    return Draft(Kind.DROPOUT, layer=name, number=1.0 / keep, keep_below=int(keep * 2**32)), shape


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value


def _pool(kind: Kind) -> Callable[[str, Any, Shape], Found]:
    def rule(name: str, layer: Any, shape: Shape) -> Found:
        _image(shape)
        kernel, stride, padding = map(_pair, (layer.kernel_size, layer.stride, layer.padding))
        height, width = _sides(shape, kernel, stride, padding)
        window = Window(shape[1], shape[2], shape[0], height, width, *kernel, *stride, *padding)
        choice = int(getattr(layer, "count_include_pad", False))
        return Draft(kind, layer=name, choice=choice, shape=window), (shape[0], height, width)

    return rule


def _global_average(name: str, _: Any, shape: Shape) -> Found:
    _image(shape)
    return Draft(Kind.GLOBAL_AVERAGE, layer=name, pixels=prod(shape[1:]), channels=shape[0]), (shape[0], 1, 1)


def _activation(choice: Activation) -> Callable[[str, Any, Shape], Found]:
    def rule(name: str, layer: Any, shape: Shape) -> Found:
        slope = float(getattr(layer, "negative_slope", 0.0))
        return Draft(Kind.ACTIVATION, layer=name, choice=choice, number=slope), shape

    return rule


def _flatten(_: str, __: Any, shape: Shape) -> Found:
    return flatten(shape)


def _identity(_: str, __: Any, shape: Shape) -> Found:
    return None, shape


LAYERS: dict[type[nn.Module], Callable[[str, Any, Shape], Found]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    BatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    Dropout: _dropout,
    nn.Dropout: _dropout,
    nn.MaxPool2d: _pool(Kind.MAX_POOL),
    nn.AvgPool2d: _pool(Kind.AVERAGE_POOL),
    nn.AdaptiveAvgPool2d: _global_average,
    nn.Flatten: _flatten,
    nn.Identity: _identity,
    nn.ReLU: _activation(Activation.RELU),
    nn.ReLU6: _activation(Activation.RELU6),
    nn.LeakyReLU: _activation(Activation.LEAKY_RELU),
    nn.GELU: _activation(Activation.GELU),
    nn.SiLU: _activation(Activation.SILU),
    nn.Sigmoid: _activation(Activation.SIGMOID),
    nn.Tanh: _activation(Activation.TANH),
}
# Settings of layers of which one value alone is computed.
ONLY: dict[type[nn.Module], dict[str, Any]] = {
    BatchNorm: {"track_running_stats": True},
    nn.Conv2d: {"padding_mode": "zeros"},
    nn.MaxPool2d: {"dilation": 1, "ceil_mode": False, "return_indices": False},
    nn.AvgPool2d: {"ceil_mode": False, "divisor_override": None},
    nn.AdaptiveAvgPool2d: {"output_size": 1},
    nn.Flatten: {"start_dim": 1, "end_dim": -1},
    nn.GELU: {"approximate": "none"},
}
SAME_AS = {(1, 1): 1}  # how else a layer may write an allowed value


def problem(layer: nn.Module) -> str | None:
    """Return what keeps a layer from being computed, or None."""
    kind = type(layer)
    if kind not in LAYERS:
        return f"{class_name(kind)} is none of {', '.join(sorted(map(class_name, LAYERS)))}"
    weight = getattr(layer, "weight", None)
    if weight is not None and weight.dtype != torch.float32:
        return f"{class_name(kind)} of {weight.dtype}; only torch.float32 is allowed"
    for name, allowed in ONLY.get(kind, {}).items():
        found = getattr(layer, name)
        if SAME_AS.get(found, found) != allowed:
            return f"{class_name(kind)} with {name}={found!r}; only {allowed!r} is allowed"
    if getattr(layer, "padding", None) == "same":
        return f"{class_name(kind)} with padding='same'; give the padding as numbers"
    return None


def class_name(kind: type[nn.Module]) -> str:
    """Return how a user would write a layer's class."""
    return f"nn.{kind.__name__}" if kind.__module__.startswith("torch.nn.") else kind.__qualname__
