"""Layers over features: what each becomes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Activation, Draft, Kind, Refused, dropout
from reprise.arithmetic.layers import Dropout
from reprise.arithmetic.structures import LinearShape
from reprise.arithmetic.views import View

Rule = Callable[[Builder, str, Any, View], View]


def linear(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return a linear layer over the last axis."""
    if not x.row or x.row[-1] != layer.in_features:
        raise Refused(f"takes {layer.in_features} features, but its input is {x.row}; flatten it first")
    x = b.row_major(x)
    draft = Draft(
        Kind.LINEAR, x.source, weight=f"{name}.weight", bias=f"{name}.bias", pixels=prod(x.row[:-1]),
        shape=LinearShape(layer.in_features, layer.out_features),
    )  # fmt: skip
    return b.append(draft, *x.row[:-1], layer.out_features)


def layer_norm(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return a layer norm over the last axes."""
    normalised = tuple(layer.normalized_shape)
    if x.row[-len(normalised) :] != normalised:
        raise Refused(f"normalises {normalised}, but its input is {x.row}")
    x = b.row_major(x)
    draft = Draft(
        Kind.LAYER_NORM, x.source, weight=f"{name}.weight", bias=f"{name}.bias",
        channels=prod(normalised), number=layer.eps,
    )  # fmt: skip
    return b.append_like(draft, x)


def drop(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return a dropout; what it is given where nothing is dropped."""
    draft = dropout(layer.probability if isinstance(layer, Dropout) else layer.p, name)
    return x if draft is None else b.elementwise(draft, x)


def activation(choice: Activation) -> Rule:
    """Return the rule of an activation."""

    def rule(b: Builder, _: str, layer: Any, x: View) -> View:
        slope = float(getattr(layer, "negative_slope", 0.0))
        return b.elementwise(Draft(Kind.ACTIVATION, choice=choice, number=slope), x)

    return rule


def hard_sigmoid(b: Builder, _: str, __: Any, x: View) -> View:
    """Return ReLU6(x + 3) · (1 / 6)."""
    moved = b.elementwise(Draft(Kind.SCALE, number=3.0, choice=1), x)
    limited = b.elementwise(Draft(Kind.ACTIVATION, choice=Activation.RELU6), moved)
    return b.elementwise(Draft(Kind.SCALE, number=1.0 / 6.0), limited)


def hard_swish(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return x times its hard sigmoid."""
    return b.pairwise(Draft(Kind.MULTIPLY), x, hard_sigmoid(b, name, layer, x))


def embedding(b: Builder, name: str, layer: Any, x: View) -> View:
    """Return rows of the weights by number."""
    if not x.whole:
        raise Refused("takes whole numbers; call .long() on its input first")
    x = b.row_major(x)
    draft = Draft(
        Kind.EMBEDDING, x.source, weight=f"{name}.weight", pixels=x.floats,
        channels=layer.embedding_dim, choice=layer.num_embeddings,
    )  # fmt: skip
    return b.append(draft, *x.row, layer.embedding_dim)


def flatten(b: Builder, _: str, layer: Any, x: View) -> View:
    """Return neighbouring axes as one."""
    return b.flattened(x, layer.start_dim, layer.end_dim)


def unflatten(b: Builder, _: str, layer: Any, x: View) -> View:
    """Return an axis as several."""
    return b.unflattened(x, layer.dim, tuple(layer.unflattened_size))


def identity(_: Builder, __: str, ___: Any, x: View) -> View:
    """Return what it is given."""
    return x
