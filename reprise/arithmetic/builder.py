"""Collects a model's operations, and puts values into the order in memory that an operation takes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

from reprise.arithmetic.drafts import Draft, Kind, Refused
from reprise.arithmetic.structures import MOST_AXES, Strides
from reprise.arithmetic.views import ROWS, Rows, Size, View, collapsed, row_major

IMAGE = (0, 2, 3, 1)  # how an image's axes (rows, channels, height, width) lie: channels last


@dataclass
class Builder:
    """Values and operations found so far.

    Attributes
    ----------
    shapes : list of tuple
        The shape of a row of each value, by number; value 0 is the input.
    operations : list of Draft
    """

    shapes: list[tuple[int, ...]]
    operations: list[Draft] = field(default_factory=list)
    _parameters: dict[str, int] = field(default_factory=dict)  # numbers of their values
    _moved: dict[View, View] = field(default_factory=dict)

    @property
    def input(self) -> View:
        """The rows that the model is given: features, or images with channels last."""
        view = View(0, (ROWS, *self.shapes[0]), row_major((ROWS, *self.shapes[0])))
        return _lying(view, IMAGE) if len(self.shapes[0]) == 3 else view

    def parameter(self, name: str, sizes: tuple[int, ...]) -> View:
        """Return a parameter as a value that all rows share; it has no axis of rows."""
        if name not in self._parameters:
            made = self.append(Draft(Kind.PARAMETER, weight=name), prod(sizes))
            self._parameters[name] = made.source
        return View(self._parameters[name], sizes, row_major(sizes))

    def append(self, draft: Draft, *row: int) -> View:
        """Add an operation whose output has rows of these sizes, in row-major order; return its output."""
        self.shapes.append(row)
        self.operations.append(replace(draft, y=len(self.shapes) - 1))
        return View(len(self.shapes) - 1, (ROWS, *row), row_major((ROWS, *row)))

    def append_like(self, draft: Draft, view: View) -> View:
        """Add an operation whose output lies in memory as a dense view does."""
        made = self.append(draft, *view.row)
        return replace(made, sizes=view.sizes, steps=view.steps)

    def append_image(self, draft: Draft, channels: int, height: int, width: int) -> View:
        """Add an operation whose output is an image, channels last."""
        return _lying(self.append(draft, channels, height, width), IMAGE)

    def elementwise(self, draft: Draft, view: View) -> View:
        """Add an operation that keeps places; it works in the order in which values happen to lie."""
        view = self.dense(view)
        return self.append_like(replace(draft, x=view.source), view)

    def dense(self, view: View) -> View:
        """Return the view, or a row-major copy where it isn't a whole value."""
        return view if self._is_dense(view) else self.row_major(view)

    def row_major(self, view: View) -> View:
        """Return the view of values that lie in the order of its axes; a copy where they don't yet."""
        if not view.sizes or not isinstance(view.sizes[0], Rows):
            raise Refused("needs the rows as first axis")
        if self._lies_in_order(view):
            return view
        if view not in self._moved:
            self._moved[view] = replace(self._copy(view), whole=view.whole)
        return self._moved[view]

    def image(self, view: View) -> View:
        """Return the view of an image whose channels lie last; a copy where they don't yet."""
        return self.as_lies(view, IMAGE)

    def as_lies(self, view: View, order: tuple[int, ...]) -> View:
        """Return the view of values that lie in the given order of its axes."""
        back = tuple(sorted(range(len(order)), key=order.__getitem__))
        return self.row_major(view.permuted(order)).permuted(back)

    def reshaped(self, view: View, sizes: tuple[Size, ...]) -> View:
        """Return the view's values with other axes; a copy where they don't lie so."""
        if prod(s for s in sizes if isinstance(s, int)) != view.floats:
            raise Refused(f"has {view.floats} values a row, which can't be {sizes}")
        made = view.reshaped(sizes)
        if made is None:
            made = self.row_major(view).reshaped(sizes)
        if made is None:
            raise Refused(f"can't be {sizes}")
        return made

    def flattened(self, view: View, start: int, end: int = -1) -> View:
        """Return the view with the axes from `start` to `end` as one."""
        start, end = view.axis(start), view.axis(end)
        merged = prod(view.size(n) for n in range(start, end + 1))
        return self.reshaped(view, (*view.sizes[:start], merged, *view.sizes[end + 1 :]))

    def unflattened(self, view: View, axis: int, sizes: tuple[int, ...]) -> View:
        """Return the view with an axis as several; one of their sizes may be -1."""
        axis = view.axis(axis)
        known = prod(size for size in sizes if size != -1)
        full = tuple(view.size(axis) // known if size == -1 else size for size in sizes)
        return self.reshaped(view, (*view.sizes[:axis], *full, *view.sizes[axis + 1 :]))

    def _lies_in_order(self, view: View) -> bool:
        """Whether a view's values lie in the order of its axes, so that `row_major` makes no copy."""
        return self._is_dense(view) and collapsed(view.row, view.steps[1:])[0] == (view.floats, 1)

    def sum(self, one: View, other: View) -> View:
        """Return one value plus another."""
        return self.pairwise(Draft(Kind.SUM), one, other)

    def pairwise(self, draft: Draft, one: View, other: View) -> View:
        """Add an operation on pairs of values, stretched to common sizes."""
        one, other = self.alike(one, other)
        return self.append_like(replace(draft, x=one.source, x2=other.source), one)

    def alike(self, one: View, other: View) -> tuple[View, View]:
        """Return two views of the same sizes, stretched where one has size 1, that lie alike in memory."""
        sizes = _common(one, other)
        one, other = one.expanded(sizes), other.expanded(sizes)
        model = one if self._is_dense(one) or not self._is_dense(other) else other
        order = tuple(sorted(range(len(sizes)), key=lambda n: (n > 0, -model.steps[n], n)))
        return self.as_lies(one, order), self.as_lies(other, order)

    def _is_dense(self, view: View) -> bool:
        """Whether a view shows each value of a row once, the rows being its first axis."""
        if not view.sizes or not isinstance(view.sizes[0], Rows):
            return False
        lying = sorted(zip(view.row, view.steps[1:], strict=True), key=lambda axis: -axis[1])
        (size, step), *more = collapsed(*zip(*lying, strict=True)) if lying else [(1, 1)]
        whole = view.floats == prod(self.shapes[view.source]) and view.first == 0
        return whole and not more and size == view.floats and (step == 1 or size == 1)

    def _copy(self, view: View) -> View:
        """Add the operation that writes a view's values side by side."""
        axes = collapsed(view.row, view.steps[1:])
        if len(axes) == 2 and self._is_dense(view):
            (channels, _), (pixels, _) = axes
            return self.append(Draft(Kind.FLATTEN, view.source, pixels=pixels, channels=channels), *view.row)
        if len(axes) > MOST_AXES:
            raise Refused(f"moves values along {len(axes)} axes; {MOST_AXES} is the most")
        spare = (1,) * (MOST_AXES - len(axes))
        sizes, steps = spare + tuple(s for s, _ in axes), spare + tuple(s for _, s in axes)
        strides = Strides(view.first, sizes, steps)
        return self.append(Draft(Kind.MOVE, view.source, shape=strides), *view.row)


def _lying(view: View, order: tuple[int, ...]) -> View:
    """Return a row-major view taken for one whose axes lie in the given order."""
    steps = row_major(tuple(view.sizes[n] for n in order))
    return replace(view, steps=tuple(steps[order.index(n)] for n in range(len(order))))


def _common(one: View, other: View) -> tuple[Size, ...]:
    """Return the sizes to which both are stretched, by the rules of broadcasting."""
    length = max(len(one.sizes), len(other.sizes))
    padded = [(1,) * (length - len(view.sizes)) + view.sizes for view in (one, other)]
    common = tuple(b if a == 1 else a for a, b in zip(*padded, strict=True))
    if any(size not in (1, wanted) for sizes in padded for size, wanted in zip(sizes, common, strict=True)):
        raise Refused("needs equal sizes")
    if not common or not isinstance(common[0], Rows):
        raise Refused("needs the rows as first axis")
    return common
