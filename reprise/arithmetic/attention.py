"""Attention (Vaswani et al., 2017) as what it is made of: products of matrices, a scale, softmax, dropout."""

from __future__ import annotations

import math
from typing import Any

from torch import nn
from torch.nn import functional as F

from reprise.arithmetic import feature_rules
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Activation, Draft, Kind, Refused, dropout, relu
from reprise.arithmetic.structures import LinearShape, MatrixPairs
from reprise.arithmetic.views import View


def product(b: Builder, one: View, other: View) -> View:
    """Return the products of matrices in the last two axes; all other axes must be equal."""
    if len(one.sizes) < 3 or one.sizes[:-2] != other.sizes[:-2] or one.size(-1) != other.size(-2):
        raise Refused("multiplies (rows, …, n, k) by (rows, …, k, m)")
    turned = other.steps[-2] < other.steps[-1]  # it lies transposed, or is copied faster so
    left, right = b.row_major(one), b.row_major(other.swapped(-2, -1) if turned else other)
    *pairs, height, inner = left.row
    width = other.size(-1)
    sizes = MatrixPairs(math.prod(pairs), height, inner, width, int(turned))
    draft = Draft(Kind.MATRICES, left.source, right.source, shape=sizes)
    return b.append(draft, *pairs, height, width)


def scaled(b: Builder, x: View, factor: float) -> View:
    """Return values times a number."""
    return b.elementwise(Draft(Kind.SCALE, number=factor), x)


def softmax(b: Builder, x: View, axis: int, *, causal: bool = False) -> View:
    """Return the softmax along an axis; causal: place i of the axis before it takes part in i + 1 places."""
    axis = x.axis(axis)
    last = len(x.sizes) - 1
    x = b.row_major(x.swapped(axis, last))
    height = x.row[-2] if causal else 0
    draft = Draft(Kind.SOFTMAX, x.source, channels=x.size(last), choice=height)
    return b.append_like(draft, x).swapped(axis, last)


def softmax_layer(b: Builder, _: str, layer: nn.Softmax, x: View) -> View:
    """Return the softmax along the layer's axis."""
    if layer.dim is None:
        raise Refused("needs its dim")
    return softmax(b, x, layer.dim)


def scaled_dot_product(
    b: Builder, q: View, k: View, v: View, *, causal: bool, scale: float | None, drop: float
) -> View:
    """Return softmax(QKᵀ · scale) V over the last two axes, (places, features)."""
    scale = 1.0 / math.sqrt(q.size(-1)) if scale is None else scale
    weights = softmax(b, scaled(b, product(b, q, k.swapped(-2, -1)), scale), -1, causal=causal)
    draft = dropout(drop)
    return product(b, weights if draft is None else b.elementwise(draft, weights), v)


def multihead_attention(
    b: Builder, name: str, layer: nn.MultiheadAttention, q: View, k: View, v: View, **settings: object
) -> tuple[View, None]:  # fmt: skip
    """Return self-attention, and None for the weights (whose use is refused where it is met)."""
    if not q == k == v:
        raise Refused("attends to other values than its own; only self-attention, (x, x, x), is allowed")
    _refuse_masks(settings)
    if len(q.row) != 2 or q.row[1] != layer.embed_dim:
        raise Refused(f"takes (rows, places, {layer.embed_dim}), but its input is {q.row}")
    x, (places, width), heads = b.row_major(q), q.row, layer.num_heads
    draft = Draft(
        Kind.LINEAR, x.source, weight=f"{name}.in_proj_weight", bias=f"{name}.in_proj_bias",
        pixels=places, shape=LinearShape(width, 3 * width),
    )  # fmt: skip
    projected = b.append(draft, places, 3, heads, width // heads).permuted((2, 0, 3, 1, 4))
    one, two, three = (projected.chosen(0, part) for part in range(3))
    mixed = scaled_dot_product(b, one, two, three, causal=False, scale=None, drop=layer.dropout)
    joined = b.reshaped(mixed.swapped(1, 2), (mixed.sizes[0], places, width))
    return feature_rules.linear(b, f"{name}.out_proj", layer.out_proj, joined), None


def encoder_layer(
    b: Builder, name: str, layer: nn.TransformerEncoderLayer, x: View, **settings: object
) -> View:
    """Return attention and two linear layers, each with a norm and a way around it."""
    _refuse_masks(settings)

    def norm(which: int, x: View) -> View:
        return feature_rules.layer_norm(b, f"{name}.norm{which}", getattr(layer, f"norm{which}"), x)

    def drop(which: str, x: View) -> View:
        return feature_rules.drop(b, f"{name}.{which}", getattr(layer, which), x)

    def attend(x: View) -> View:
        mixed, _ = multihead_attention(b, f"{name}.self_attn", layer.self_attn, x, x, x)
        return drop("dropout1", mixed)

    def feed(x: View) -> View:
        x = b.elementwise(
            _activation(layer.activation), feature_rules.linear(b, f"{name}.linear1", layer.linear1, x)
        )
        x = feature_rules.linear(b, f"{name}.linear2", layer.linear2, drop("dropout", x))
        return drop("dropout2", x)

    if layer.norm_first:
        x = b.sum(x, attend(norm(1, x)))
        return b.sum(x, feed(norm(2, x)))
    x = norm(1, b.sum(x, attend(x)))
    return norm(2, b.sum(x, feed(x)))


def encoder(b: Builder, name: str, layer: nn.TransformerEncoder, x: View, **settings: object) -> View:
    """Return encoder layers in a row, and a norm behind them where there is one."""
    for place, each in enumerate(layer.layers):
        if not isinstance(each, nn.TransformerEncoderLayer):
            raise Refused("has layers that are no nn.TransformerEncoderLayer")
        x = encoder_layer(b, f"{name}.layers.{place}", each, x, **settings)
    if layer.norm is None:
        return x
    if not isinstance(layer.norm, nn.LayerNorm):
        raise Refused("ends with a norm that is no nn.LayerNorm")
    return feature_rules.layer_norm(b, f"{name}.norm", layer.norm, x)


def _refuse_masks(settings: dict[str, object]) -> None:
    given = [name for name, value in settings.items() if value and "weights" not in name]
    if given:
        raise Refused(
            f"is called with {', '.join(given)}; only whole self-attention without masks is allowed"
        )


def _activation(function: Any) -> Draft:
    if function is F.relu or type(function) is nn.ReLU:
        return relu()
    if function is F.gelu or (type(function) is nn.GELU and function.approximate == "none"):
        return Draft(Kind.ACTIVATION, choice=Activation.GELU)
    raise Refused("activates with neither relu nor gelu")
