"""The functions and methods of tensors that have a definition, and what each becomes.

Their signatures are torch's, as far as they are computed: an argument that isn't here is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch.nn import functional as F

from reprise.arithmetic import attention, axes
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Activation, Draft, Kind, Refused
from reprise.arithmetic.views import Rows, View

Number = int | float


def _numeric(value: object) -> Number:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("takes tensors of the rows, parameters and numbers")
    return value


def add(b: Builder, one: View | Number, other: View | Number) -> View:
    """Return a + b."""
    if isinstance(one, View) and isinstance(other, View):
        return b.sum(one, other)
    view, constant = (one, other) if isinstance(one, View) else (other, one)
    assert isinstance(view, View)
    return b.elementwise(Draft(Kind.SCALE, number=float(_numeric(constant)), choice=1), view)


def negative(b: Builder, x: View) -> View:
    """Return -x, which is x times -1."""
    return attention.scaled(b, x, -1.0)


def subtract(b: Builder, one: View | Number, other: View | Number) -> View:
    """Return a - b, which is a plus -1 times b."""
    return add(b, one, negative(b, other) if isinstance(other, View) else -_numeric(other))


def multiply(b: Builder, one: View | Number, other: View | Number) -> View:
    """Return a · b."""
    if isinstance(one, View) and isinstance(other, View):
        return b.pairwise(Draft(Kind.MULTIPLY), one, other)
    view, constant = (one, other) if isinstance(one, View) else (other, one)
    assert isinstance(view, View)
    return attention.scaled(b, view, float(_numeric(constant)))


def divide(b: Builder, x: View, by: Number) -> View:
    """Return x times 1 / by."""
    if isinstance(by, View) or not isinstance(x, View) or _numeric(by) == 0:
        raise Refused("divides by numbers other than 0 alone")
    return attention.scaled(b, x, 1.0 / float(by))


def _activation(choice: Activation) -> Callable[..., View]:
    def function(b: Builder, x: View) -> View:
        return b.elementwise(Draft(Kind.ACTIVATION, choice=choice), x)

    return function


def softmax(b: Builder, x: View, dim: int) -> View:
    """Return the softmax along an axis."""
    return attention.softmax(b, x, dim)


def sdpa(
    b: Builder, query: View, key: View, value: View, attn_mask: None = None, dropout_p: float = 0.0,
    is_causal: bool = False, *, scale: float | None = None,
) -> View:  # fmt: skip
    """Return scaled dot-product attention."""
    if attn_mask is not None or dropout_p != 0.0:
        raise Refused("takes neither a mask nor dropout_p; use is_causal, or nn.MultiheadAttention's dropout")
    return attention.scaled_dot_product(b, query, key, value, causal=is_causal, scale=scale, drop=0.0)


def mean(b: Builder, x: View, dim: int | tuple[int, ...], keepdim: bool = False) -> View:
    """Return the mean along axes."""
    axes = sorted(x.axis(n) for n in (dim if isinstance(dim, tuple | list) else (dim,)))
    kept = [n for n in range(len(x.sizes)) if n not in axes]
    count = prod(x.size(n) for n in axes)
    lying = b.row_major(x.permuted((kept[0], *axes, *kept[1:])))
    rest = [x.size(n) for n in kept[1:]]
    draft = Draft(Kind.GLOBAL_AVERAGE, lying.source, pixels=count, channels=prod(rest))
    made = b.append(draft, *rest)
    for axis in axes if keepdim else ():
        made = made.with_axis(axis)
    return made


def cat(b: Builder, tensors: list[View], dim: int = 0) -> View:
    """Return tensors side by side along an axis."""
    rows = next((view.sizes[0] for view in tensors if view.sizes and isinstance(view.sizes[0], Rows)), None)
    if rows is None or len({len(view.sizes) for view in tensors}) != 1:
        raise Refused("joins values of the rows with as many axes each")
    made = tensors[0]
    for other in tensors[1:]:
        at = made.axis(dim)
        if made.sizes[:at] + made.sizes[at + 1 :] != other.sizes[:at] + other.sizes[at + 1 :]:
            raise Refused("joins along one axis; all others must be equal")
        one, two = b.row_major(made), b.row_major(other)
        inner = prod(one.size(n) for n in range(at + 1, len(one.sizes)))
        draft = Draft(
            Kind.JOIN, one.source, two.source,
            pixels=one.size(at) * inner, channels=two.size(at) * inner,
        )  # fmt: skip
        sizes = [one.size(n) for n in range(1, len(one.sizes))]
        sizes[at - 1] += two.size(at)
        made = b.append(draft, *sizes)
    return made


# By name: as a method of tensors, and where a function of torch or of operator has it too, as that.
BY_NAME: dict[str, Callable[..., Any]] = {
    "add": add, "add_": add, "sub": subtract, "mul": multiply, "mul_": multiply, "div": divide,
    "neg": negative, "matmul": attention.product, "bmm": attention.product,
    "relu": _activation(Activation.RELU), "relu_": _activation(Activation.RELU),
    "sigmoid": _activation(Activation.SIGMOID), "tanh": _activation(Activation.TANH),
    "softmax": softmax, "mean": mean, "cat": cat, "concat": cat,
    "flatten": axes.flatten, "unflatten": axes.unflatten, "reshape": axes.reshape, "view": axes.reshape,
    "permute": axes.permute, "transpose": axes.transpose, "swapaxes": axes.transpose,
    "unsqueeze": axes.unsqueeze, "squeeze": axes.squeeze, "expand": axes.expand, "split": axes.split,
    "chunk": axes.chunk,
    "unbind": axes.unbind, "contiguous": axes.same, "long": axes.whole, "int": axes.whole,
    "to": axes.to, "size": axes.size,
}  # fmt: skip
ONLY_METHODS = {"expand", "view", "contiguous", "long", "int", "to", "size", "add_", "mul_"}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{getattr(torch, name): rule for name, rule in BY_NAME.items() if name not in ONLY_METHODS},
    operator.add: add, operator.iadd: add, operator.sub: subtract, operator.mul: multiply,
    operator.imul: multiply, operator.truediv: divide, operator.neg: negative,
    operator.matmul: attention.product, operator.getitem: axes.getitem, getattr: axes.attribute,
    F.relu: _activation(Activation.RELU), F.relu6: _activation(Activation.RELU6),
    F.gelu: _activation(Activation.GELU), F.silu: _activation(Activation.SILU),
    F.sigmoid: _activation(Activation.SIGMOID), F.tanh: _activation(Activation.TANH),
    F.softmax: softmax, F.scaled_dot_product_attention: sdpa,
}  # fmt: skip
