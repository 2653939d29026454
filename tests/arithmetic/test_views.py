"""Looks at a value are those of torch: the same places, and a copy only where torch needs one too."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reprise.arithmetic.axes import getitem, reshape
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Kind, Refused
from reprise.arithmetic.views import ROWS, Size, View, row_major

ROW_COUNT = 2


def torchs(view: View, values: Tensor) -> Tensor:
    """The view as a tensor over (rows, floats) values."""
    sizes = tuple(size if isinstance(size, int) else ROW_COUNT for size in view.sizes)
    steps = tuple(
        step if isinstance(size, int) else values.shape[1]
        for size, step in zip(view.sizes, view.steps, strict=True)
    )
    return values.as_strided(sizes, steps, view.first)


def divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def change(draw: st.DrawFn, view: View, tensor: Tensor) -> tuple[View, Tensor]:
    """Do the same to both: one change of axes, drawn from those that are possible."""
    axes = len(view.sizes)
    what = draw(st.sampled_from(["permute", "cut", "choose", "add axis", "expand", "getitem"]))
    at = draw(st.integers(1, axes - 1)) if axes > 1 else 0
    if what == "permute":
        order = (0, *draw(st.permutations(range(1, axes))))
        return view.permuted(order), tensor.permute(order)
    if what == "add axis" and axes < 6:
        return view.with_axis(at + 1), tensor.unsqueeze(at + 1)
    if at == 0:
        return view, tensor
    size = tensor.shape[at]
    if what == "cut":
        start = draw(st.integers(0, size - 1))
        stop, step = draw(st.integers(start + 1, size)), draw(st.integers(1, 3))
        index = (*[slice(None)] * at, slice(start, stop, step))
        return view.cut(at, start, stop, step), tensor[index]
    if what == "choose":
        index = draw(st.integers(-size, size - 1))
        return view.chosen(at, index), tensor.select(at, index)
    if what == "getitem":
        indices = (Ellipsis, draw(st.sampled_from([None, slice(None, None, 2), 0, -1])))
        return getitem(Builder([(1,)]), view, indices), tensor[indices]
    wider: tuple[Size, ...] = tuple(3 if size == 1 else size for size in view.sizes)
    real = tuple(size if isinstance(size, int) else ROW_COUNT for size in wider)
    return (view.expanded(wider), tensor.expand(real)) if prod(real) < 5000 else (view, tensor)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_view_shows_what_torch_shows(data: st.DataObject) -> None:
    row = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    values = torch.arange(ROW_COUNT * prod(row), dtype=torch.float32).reshape(ROW_COUNT, -1)
    view = View(0, (ROWS, *row), row_major((ROWS, *row)))
    tensor = values.reshape(ROW_COUNT, *row)
    for _ in range(data.draw(st.integers(0, 5))):
        view, tensor = change(data.draw, view, tensor)
        assert torch.equal(torchs(view, values), tensor)
    new = data.draw(st.lists(st.sampled_from(divisors(view.floats)), max_size=3))
    rest = view.floats // max(prod(new), 1) if view.floats % max(prod(new), 1) == 0 else 0
    if not rest:
        return
    made = view.reshaped((ROWS, *new, rest))
    try:
        expected = tensor.view(ROW_COUNT, *new, rest)
    except RuntimeError:  # torch needs a copy
        assert made is None
    else:
        assert made is not None
        assert torch.equal(torchs(made, values), expected)


def builder(*row: int) -> tuple[Builder, View]:
    made = Builder([(prod(row),)])
    return made, made.reshaped(made.input, (ROWS, *row))


def test_a_copy_is_made_once() -> None:
    b, x = builder(2, 3, 4)
    turned = x.permuted((0, 3, 1, 2))
    assert b.row_major(turned) == b.row_major(turned)
    assert [draft.kind for draft in b.operations] == [Kind.FLATTEN]
    assert b.row_major(x) == x


def test_rows_stay_rows() -> None:
    b, x = builder(2, 3)
    for wrong in (
        lambda: x.cut(0, 0, 1),
        lambda: x.chosen(0, 0),
        lambda: b.flattened(x, 0),
        lambda: reshape(b, x, -1, 3),
        lambda: reshape(b, x, 2, 3),
        lambda: b.row_major(x.swapped(0, 1)),
        lambda: x.permuted((0, 0, 1)),
        lambda: x.axis(3),
    ):
        with pytest.raises(Refused):
            wrong()
    assert reshape(b, x, -1, 6).sizes == (ROWS, 6)
    assert reshape(b, x, (-1, 3, 2)).sizes == (ROWS, 3, 2)
    assert reshape(b, x, ROWS, -1).sizes == (ROWS, 6)
