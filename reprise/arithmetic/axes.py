"""Functions and methods that only name a tensor's places otherwise: no value is computed.

Their signatures are torch's, as far as they are followed: an argument that isn't here is refused.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from types import EllipsisType
from typing import Any

import torch

from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Refused
from reprise.arithmetic.views import Rows, Size, View

Index = int | slice | EllipsisType | None


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
