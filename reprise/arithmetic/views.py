"""Tensors of a traced model as looks at the values that its operations leave.

What only renames places (transposing, reshaping, slicing, expanding) makes another look at the same
memory, as in torch; a copy is made where an operation needs its input in another order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from reprise.arithmetic.drafts import Refused


class Rows:
    """The number of rows of a slice, which a model's code can't compute with."""

    def __repr__(self) -> str:
        return "rows"


ROWS = Rows()
Size = int | Rows


@dataclass(frozen=True)
class View:
    """A look at a value.

    Attributes
    ----------
    source : int
        The value's number.
    sizes : tuple
        Of the axes; one of them is `ROWS`, but for a parameter, which all rows share.
    steps : tuple of int
        Floats between neighbours along each axis, inside a row; 0 for `ROWS`.
    first : int
        Where it starts, in floats of a row.
    whole : bool
        Whether the values stand for whole numbers.
    """

    source: int
    sizes: tuple[Size, ...]
    steps: tuple[int, ...]
    first: int = 0
    whole: bool = False

    @property
    def row(self) -> tuple[int, ...]:
        """The sizes of a row."""
        return tuple(size for size in self.sizes if isinstance(size, int))

    @property
    def floats(self) -> int:
        """The values of a row."""
        return prod(self.row)

    def axis(self, number: int) -> int:
        """Return an axis that may be counted from the end as one that is counted from the start."""
        if not -len(self.sizes) <= number < len(self.sizes):
            raise Refused(f"has no axis {number}")
        return number % len(self.sizes)

    def size(self, number: int) -> int:
        """Return the size of an axis that is not `ROWS`."""
        size = self.sizes[self.axis(number)]
        if isinstance(size, Rows):
            raise Refused("may not reach across rows")
        return size

    def permuted(self, order: tuple[int, ...]) -> View:
        """Return the view with its axes in another order."""
        order = tuple(self.axis(number) for number in order)
        if sorted(order) != list(range(len(self.sizes))):
            raise Refused(f"needs each of {len(self.sizes)} axes once, found {order}")
        return replace(
            self, sizes=tuple(self.sizes[n] for n in order), steps=tuple(self.steps[n] for n in order)
        )

    def swapped(self, one: int, other: int) -> View:
        """Return the view with two axes exchanged."""
        order = list(range(len(self.sizes)))
        one, other = self.axis(one), self.axis(other)
        order[one], order[other] = other, one
        return self.permuted(tuple(order))

    def cut(self, number: int, start: int, stop: int, step: int = 1) -> View:
        """Return a range of an axis."""
        at = self.axis(number)
        count = len(range(start, stop, step))
        if not 0 <= start <= stop <= self.size(at) or count == 0 or step < 1:
            raise Refused(f"can't take {start}:{stop} of {self.sizes[at]}")
        return replace(
            self, first=self.first + start * self.steps[at],
            sizes=(*self.sizes[:at], count, *self.sizes[at + 1 :]),
            steps=(*self.steps[:at], step * self.steps[at], *self.steps[at + 1 :]),
        )  # fmt: skip

    def chosen(self, number: int, index: int) -> View:
        """Return one place of an axis, which goes."""
        at = self.axis(number)
        size = self.size(at)
        if not -size <= index < size:
            raise Refused(f"has no place {index} along an axis of {size}")
        return self.cut(at, index % size, index % size + 1).without(at)

    def without(self, number: int) -> View:
        """Return the view without an axis of size 1."""
        at = self.axis(number)
        if self.size(at) != 1:
            raise Refused(f"can't leave out an axis of {self.sizes[at]}")
        return replace(
            self,
            sizes=self.sizes[:at] + self.sizes[at + 1 :],
            steps=self.steps[:at] + self.steps[at + 1 :],
        )

    def with_axis(self, at: int) -> View:
        """Return the view with a new axis of size 1 before place `at`."""
        return replace(
            self,
            sizes=(*self.sizes[:at], 1, *self.sizes[at:]),
            steps=(*self.steps[:at], 0, *self.steps[at:]),
        )

    def expanded(self, sizes: tuple[Size, ...]) -> View:
        """Return the view repeated along axes of size 1 and along new ones in front."""
        missing = len(sizes) - len(self.sizes)
        if missing < 0:
            raise Refused(f"can't be expanded to {sizes}")
        own: tuple[Size, ...] = (1,) * missing + self.sizes
        steps = (0,) * missing + self.steps
        for mine, wanted in zip(own, sizes, strict=True):
            if mine not in (1, wanted):
                raise Refused(f"of {self.sizes} doesn't fit {sizes}")
        kept = tuple(
            step if mine == wanted else 0 for mine, wanted, step in zip(own, sizes, steps, strict=True)
        )
        return replace(self, sizes=sizes, steps=kept)

    def reshaped(self, sizes: tuple[Size, ...]) -> View | None:
        """Return the view with other axes over the same values; None where that needs a copy."""
        rows = [place for place, size in enumerate(self.sizes) if isinstance(size, Rows)]
        front = len(rows)
        if rows not in ([], [0]) or [s for s in sizes if isinstance(s, Rows)] != list(sizes[:front]):
            raise Refused("needs the rows as first axis, before and after")
        steps = _steps_of(self.row, self.steps[front:], tuple(s for s in sizes if isinstance(s, int)))
        return None if steps is None else replace(self, sizes=sizes, steps=(0,) * front + steps)


def row_major(sizes: tuple[Size, ...]) -> tuple[int, ...]:
    """Return the steps of axes that lie in memory in their order; 0 for `ROWS`."""
    steps, step = [], 1
    for size in reversed(sizes):
        steps.append(0 if isinstance(size, Rows) else step)
        step *= 1 if isinstance(size, Rows) else size
    return tuple(reversed(steps))


def collapsed(sizes: tuple[int, ...], steps: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (size, step) of as few axes as describe the same places in the same order."""
    merged: list[tuple[int, int]] = []
    for size, step in zip(sizes, steps, strict=True):
        if size == 1:
            continue
        if merged and merged[-1][1] == size * step:
            merged[-1] = (merged[-1][0] * size, step)
        else:
            merged.append((size, step))
    return merged or [(1, 1)]


def _steps_of(old: tuple[int, ...], steps: tuple[int, ...], new: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the steps of `new` axes over the places of `old` ones; None where there are none."""
    found: list[int] = []
    axes = list(reversed(new))
    for size, step in reversed(collapsed(old, steps)):
        taken = 1
        while axes and taken < size:
            if size % (taken * axes[0]):
                return None
            found.append(taken * step)
            taken *= axes.pop(0)
        if taken != size:
            return None
    return tuple(reversed(found + [0] * len(axes)))
