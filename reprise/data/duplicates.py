"""Equal rows: inside a split, in two splits, and with different targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.data.fingerprints import Hashes

EXAMPLES = 5
Place = tuple[str, int]  # split and row id


class Keyed(NamedTuple):
    """The rows of a split, reduced to what tells them apart."""

    hashes: Hashes  # (rows,)
    y: NDArray[Any]  # (rows,)
    ids: NDArray[np.int64]  # (rows,)


class Repeats(NamedTuple):
    """How many rows are affected, and some groups of equal rows."""

    rows: int
    examples: list[list[Place]]


class EqualRows:
    """All rows of some splits, sorted so that equal ones stand together.

    Parameters
    ----------
    splits : mapping of str to Keyed
    """

    def __init__(self, splits: Mapping[str, Keyed]) -> None:
        self._names = list(splits)
        hashes = np.concatenate([rows.hashes for rows in splits.values()])
        order = np.argsort(hashes, kind="stable")
        starts = np.flatnonzero(np.diff(hashes[order], prepend=~hashes[order[:1]]))
        sizes = np.diff(starts, append=len(order))
        # From here on only rows that have an equal one matter: few, as a rule.
        order = order[np.repeat(sizes > 1, sizes)]
        self._sizes = sizes[sizes > 1]
        self._starts = np.cumsum(self._sizes) - self._sizes
        self._y = np.concatenate([rows.y for rows in splits.values()])[order]
        self._ids = np.concatenate([rows.ids for rows in splits.values()])[order]
        part = np.repeat(np.arange(len(splits)), [len(rows.ids) for rows in splits.values()])
        self._part = part[order]

    @property
    def pairs(self) -> int:
        """The number of pairs of equal rows."""
        return int((self._sizes * (self._sizes - 1) // 2).sum())

    def inside(self, split: str) -> Repeats:
        """Rows of a split that repeat an earlier row of it."""
        here = self._count(split)
        return Repeats(int(np.maximum(here - 1, 0).sum()), self._examples(here > 1, (split,)))

    def across(self, first: str, second: str) -> Repeats:
        """Rows of `second` that are also in `first`."""
        a, b = self._count(first), self._count(second)
        return Repeats(int(b[a > 0].sum()), self._examples((a > 0) & (b > 0), (first, second)))

    def contradicting(self) -> Repeats:
        """Rows that have an equal row with another target."""
        if len(self._sizes) == 0:
            return Repeats(0, [])
        differ = np.minimum.reduceat(self._y, self._starts) != np.maximum.reduceat(self._y, self._starts)
        return Repeats(int(self._sizes[differ].sum()), self._examples(differ, tuple(self._names)))

    def _count(self, split: str) -> NDArray[np.int64]:
        """Return the number of the split's rows in each group of equal ones."""
        if len(self._sizes) == 0 or split not in self._names:
            return np.zeros(len(self._sizes), np.int64)
        here = (self._part == self._names.index(split)).astype(np.int64)
        return np.add.reduceat(here, self._starts)

    def _examples(self, groups: NDArray[np.bool_], splits: tuple[str, ...]) -> list[list[Place]]:
        """Return the first rows of the first groups, by split and id."""
        found = []
        for group in np.flatnonzero(groups).tolist():
            rows = slice(self._starts[group], self._starts[group] + self._sizes[group])
            places = sorted(zip(self._part[rows].tolist(), self._ids[rows].tolist(), strict=True))
            found.append([place for place in places if self._names[place[0]] in splits])
        chosen = sorted(found)[:EXAMPLES]
        return [[(self._names[part], row) for part, row in self._varied(group)] for group in chosen]

    def _varied(self, group: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return two rows of a group, of two splits where it has them."""
        other = next((place for place in group if place[0] != group[0][0]), group[1])
        return [group[0], other]
