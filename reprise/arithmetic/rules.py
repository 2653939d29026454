"""The layers that have a definition, and what keeps a layer from being computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from reprise.arithmetic import attention, feature_rules, image_rules, table_rules
from reprise.arithmetic.drafts import Activation, Kind
from reprise.arithmetic.image_layers import ChannelNorm, SameConv2d
from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.arithmetic.table_layers import Members, Quantiles

LAYERS: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Linear: feature_rules.linear,
    nn.Conv2d: image_rules.convolution,
    SameConv2d: image_rules.convolution,
    BatchNorm: image_rules.norm_of_images(Kind.BATCH_NORM),
    nn.LayerNorm: feature_rules.layer_norm,
    ChannelNorm: image_rules.channel_norm,
    nn.GroupNorm: image_rules.norm_of_images(Kind.GROUP_NORM),
    Dropout: feature_rules.drop,
    nn.Dropout: feature_rules.drop,
    nn.MaxPool2d: image_rules.pool(Kind.MAX_POOL),
    nn.AvgPool2d: image_rules.pool(Kind.AVERAGE_POOL),
    nn.AdaptiveAvgPool2d: image_rules.global_average,
    nn.Flatten: feature_rules.flatten,
    nn.Unflatten: feature_rules.unflatten,
    nn.Identity: feature_rules.identity,
    nn.ReLU: feature_rules.activation(Activation.RELU),
    nn.ReLU6: feature_rules.activation(Activation.RELU6),
    nn.LeakyReLU: feature_rules.activation(Activation.LEAKY_RELU),
    nn.GELU: feature_rules.activation(Activation.GELU),
    nn.SiLU: feature_rules.activation(Activation.SILU),
    nn.Sigmoid: feature_rules.activation(Activation.SIGMOID),
    nn.Tanh: feature_rules.activation(Activation.TANH),
    nn.Hardsigmoid: feature_rules.hard_sigmoid,
    nn.Hardswish: feature_rules.hard_swish,
    nn.Softmax: attention.softmax_layer,
    nn.Embedding: feature_rules.embedding,
    Quantiles: table_rules.quantiles,
    Members: table_rules.members,
    nn.MultiheadAttention: attention.multihead_attention,
    nn.TransformerEncoderLayer: attention.encoder_layer,
    nn.TransformerEncoder: attention.encoder,
}
# Settings of layers of which one value alone is computed.
ONLY: dict[type[nn.Module], dict[str, Any]] = {
    BatchNorm: {"track_running_stats": True},
    nn.Conv2d: {"padding_mode": "zeros"},
    SameConv2d: {"padding_mode": "zeros", "padding": (0, 0)},
    nn.MaxPool2d: {"dilation": 1, "ceil_mode": False, "return_indices": False},
    nn.AvgPool2d: {"ceil_mode": False, "divisor_override": None},
    nn.AdaptiveAvgPool2d: {"output_size": 1},
    nn.GELU: {"approximate": "none"},
    nn.Embedding: {"padding_idx": None, "max_norm": None, "sparse": False},
    nn.MultiheadAttention: {"batch_first": True, "bias_k": None, "bias_v": None, "add_zero_attn": False},
}
# What does nearly the same as layers that have no definition, by their names.
NEAREST: dict[str, str] = {
    **dict.fromkeys(("ELU", "CELU", "SELU", "Softplus", "Mish", "Hardswish"), "nn.SiLU"),
    **dict.fromkeys(("PReLU", "RReLU"), "nn.LeakyReLU"),
    **dict.fromkeys(("Hardtanh", "Softsign"), "nn.Tanh"),
    **dict.fromkeys(("BatchNorm1d", "InstanceNorm1d", "RMSNorm"), "nn.LayerNorm"),
    **dict.fromkeys(("InstanceNorm2d", "LocalResponseNorm"), "nn.GroupNorm"),
    **dict.fromkeys(("RNN", "LSTM", "GRU"), "nn.TransformerEncoder"),
    **dict.fromkeys(("Dropout1d", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout"), "nn.Dropout"),
    **dict.fromkeys(("Conv1d", "Conv3d"), "nn.Conv2d of values reshaped to images"),
    **dict.fromkeys(("MaxPool1d", "AdaptiveMaxPool2d"), "nn.MaxPool2d"),
    **dict.fromkeys(("AvgPool1d", "AdaptiveAvgPool1d"), "a mean over the axis, x.mean(-1)"),
    "BatchNorm2d": "BatchNorm of reprise.arithmetic.layers",
    "Hardsigmoid": "nn.Sigmoid",
    "EmbeddingBag": "nn.Embedding and a mean",
    "LogSoftmax": "none at all: the loss takes what comes before it",
}
SAME_AS = {(1, 1): 1}  # how else a layer may write an allowed value


def problem(layer: nn.Module) -> str | None:
    """Return what keeps a layer from being computed, or None."""
    kind = type(layer)
    if kind not in LAYERS:
        close = f"; the nearest is {NEAREST[kind.__name__]}" if kind.__name__ in NEAREST else ""
        return f"{class_name(kind)} is none of {', '.join(sorted(map(class_name, LAYERS)))}{close}"
    for weight in layer.parameters():
        if weight.dtype != torch.float32:
            return f"{class_name(kind)} of {weight.dtype}; only torch.float32 is allowed"
    for name, allowed in ONLY.get(kind, {}).items():
        found = getattr(layer, name)
        if SAME_AS.get(found, found) != allowed:
            return f"{class_name(kind)} with {name}={found!r}; only {allowed!r} is allowed"
    if getattr(layer, "padding", None) == "same":
        return f"{class_name(kind)} with padding='same'; give the padding as numbers"
    inside = [part for name, part in layer.named_children() if name in ("self_attn", "layers")]
    parts = [one for part in inside for one in (part if isinstance(part, nn.ModuleList) else [part])]
    return next(filter(None, map(problem, parts)), None)


def class_name(kind: type[nn.Module]) -> str:
    """Return how a user would write a layer's class."""
    return f"nn.{kind.__name__}" if kind.__module__.startswith("torch.nn.") else kind.__qualname__
