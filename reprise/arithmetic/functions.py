"""The functions and methods of tensors that have a definition, and what each becomes.

Their signatures are torch's, as far as they are computed: an argument that isn't here is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import replace
from math import prod
from types import EllipsisType
from typing import Any

import torch
from torch.nn import functional as F

from reprise.arithmetic import attention
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Activation, Draft, Kind, Refused
from reprise.arithmetic.views import Rows, Size, View

Number = int | float
Index = int | slice | EllipsisType | None


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


def flatten(b: Builder, x: View, start_dim: int = 0, end_dim: int = -1) -> View:
    """Return neighbouring axes as one."""
    return b.flattened(x, start_dim, end_dim)


def unflatten(b: Builder, x: View, dim: int, sizes: tuple[int, ...]) -> View:
    """Return an axis as several."""
    return b.unflattened(x, dim, tuple(sizes))


def _sizes(given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else given


def reshape(b: Builder, x: View, *shape: Any) -> View:
    """Return the same values with other axes; -1 stands for the rows in front, elsewhere for what is left."""
    sizes = list(_sizes(shape))
    if sizes and sizes[0] == -1 and x.sizes and isinstance(x.sizes[0], Rows):
        sizes[0] = x.sizes[0]
    if -1 in sizes:
        known = prod(size for size in sizes if isinstance(size, int) and size != -1)
        sizes[sizes.index(-1)] = x.floats // max(known, 1)
    return b.reshaped(x, tuple(sizes))


def permute(_: Builder, x: View, *dims: Any) -> View:
    """Return the axes in another order."""
    return x.permuted(_sizes(dims))


def transpose(_: Builder, x: View, dim0: int, dim1: int) -> View:
    """Return two axes exchanged."""
    return x.swapped(dim0, dim1)


def unsqueeze(_: Builder, x: View, dim: int) -> View:
    """Return a new axis of size 1."""
    return x.with_axis(dim % (len(x.sizes) + 1))


def squeeze(_: Builder, x: View, dim: int) -> View:
    """Return the view without an axis of size 1; unchanged where it has another size."""
    return x.without(dim) if x.size(dim) == 1 else x


def expand(_: Builder, x: View, *sizes: Any) -> View:
    """Return the view repeated along axes of size 1; -1 keeps a size."""
    wanted = _sizes(sizes)
    own = (1,) * (len(wanted) - len(x.sizes)) + x.sizes
    return x.expanded(tuple(mine if size == -1 else size for mine, size in zip(own, wanted, strict=True)))


def split(_: Builder, x: View, split_size_or_sections: int | list[int], dim: int = 0) -> tuple[View, ...]:
    """Return parts of an axis, by their size or sizes."""
    size, part = x.size(dim), split_size_or_sections
    parts = [min(part, size - at) for at in range(0, size, part)] if isinstance(part, int) else list(part)
    if sum(parts) != size:
        raise Refused(f"splits {size} into {parts}")
    starts = [sum(parts[:n]) for n in range(len(parts))]
    return tuple(x.cut(dim, at, at + count) for at, count in zip(starts, parts, strict=True))


def chunk(b: Builder, x: View, chunks: int, dim: int = 0) -> tuple[View, ...]:
    """Return an axis in at most so many equal parts."""
    return split(b, x, -(-x.size(dim) // chunks), dim)


def unbind(_: Builder, x: View, dim: int = 0) -> tuple[View, ...]:
    """Return the places of an axis one by one."""
    return tuple(x.chosen(dim, index) for index in range(x.size(dim)))


def getitem(_: Builder, x: View, index: Index | tuple[Index, ...]) -> View:
    """Return what indices of whole numbers, ranges, None and … choose."""
    indices = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in indices:
        at = indices.index(Ellipsis)
        named = sum(one is not None and one is not Ellipsis for one in indices)
        indices[at : at + 1] = [slice(None)] * (len(x.sizes) - named)
    axis = 0
    for one in indices:
        if one is None:
            x, axis = x.with_axis(axis), axis + 1
        elif isinstance(one, slice):
            if one != slice(None):
                start, stop, step = one.indices(x.size(axis))
                x = x.cut(axis, start, stop, step)
            axis += 1
        elif isinstance(one, int):
            x = x.chosen(axis, one)
        else:
            raise Refused("takes whole numbers, ranges, None and … as indices")
    return x


def whole(_: Builder, x: View) -> View:
    """Return the values as whole numbers, which an embedding takes."""
    return replace(x, whole=True)


def to(b: Builder, x: View, dtype: torch.dtype) -> View:
    """Return the values as whole numbers."""
    if dtype not in (torch.int64, torch.int32):
        raise Refused(f"to {dtype}")
    return whole(b, x)


def size(_: Builder, x: View, dim: int | None = None) -> Size | tuple[Size, ...]:
    """Return the sizes, or one of them."""
    return x.sizes if dim is None else x.sizes[x.axis(dim)]


def attribute(_: Builder, x: View, name: str) -> Any:
    """Return an attribute of a tensor that its view knows."""
    if name in ("mT", "T"):
        if name == "T" and len(x.sizes) != 2:
            raise Refused("has a .T only with two axes")
        return x.swapped(-2, -1)
    known: dict[str, Any] = {"shape": x.sizes, "ndim": len(x.sizes)}
    if name not in known:
        raise Refused(f"has no .{name} here")
    return known[name]


def same(_: Builder, x: View) -> View:
    """Return what it is given."""
    return x


# By name: as a method of tensors, and where a function of torch or of operator has it too, as that.
BY_NAME: dict[str, Callable[..., Any]] = {
    "add": add, "add_": add, "sub": subtract, "mul": multiply, "mul_": multiply, "div": divide,
    "neg": negative, "matmul": attention.product, "bmm": attention.product,
    "relu": _activation(Activation.RELU), "relu_": _activation(Activation.RELU),
    "sigmoid": _activation(Activation.SIGMOID), "tanh": _activation(Activation.TANH),
    "softmax": softmax, "mean": mean, "cat": cat, "concat": cat,
    "flatten": flatten, "unflatten": unflatten, "reshape": reshape, "view": reshape,
    "permute": permute, "transpose": transpose, "swapaxes": transpose,
    "unsqueeze": unsqueeze, "squeeze": squeeze, "expand": expand, "split": split, "chunk": chunk,
    "unbind": unbind, "contiguous": same, "long": whole, "int": whole, "to": to, "size": size,
}  # fmt: skip
ONLY_METHODS = {"expand", "view", "contiguous", "long", "int", "to", "size", "add_", "mul_"}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **{getattr(torch, name): rule for name, rule in BY_NAME.items() if name not in ONLY_METHODS},
    operator.add: add, operator.iadd: add, operator.sub: subtract, operator.mul: multiply,
    operator.imul: multiply, operator.truediv: divide, operator.neg: negative,
    operator.matmul: attention.product, operator.getitem: getitem, getattr: attribute,
    F.relu: _activation(Activation.RELU), F.relu6: _activation(Activation.RELU6),
    F.gelu: _activation(Activation.GELU), F.silu: _activation(Activation.SILU),
    F.sigmoid: _activation(Activation.SIGMOID), F.tanh: _activation(Activation.TANH),
    F.softmax: softmax, F.scaled_dot_product_attention: sdpa,
}  # fmt: skip
