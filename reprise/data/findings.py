"""Judging the rows of a dataset: which findings there are, and how serious they are (see `checks`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.data import column_checks
from reprise.data.duplicates import EqualRows, Keyed, Place, Repeats
from reprise.data.fingerprints import row_hashes
from reprise.prepared.schema import Schema, SplitName

Level = Literal["serious", "warning", "note", "known"]
OWN = ("csv", "images", "own")  # datasets that are not published
LEAK = 0.99  # share of the task that one column settles alone
LEAK_RANK = 0.999  # rank correlation with a regression's target
LEAK_ROWS = 20  # a column that settles fewer rows may do so by luck
IMBALANCE = 10  # times as many rows in the largest class as in the smallest


class Finding(NamedTuple):
    """Something that breaks the contract."""

    check: str
    level: Level
    affected: int  # rows, or columns
    message: str
    examples: list[list[str]]


class Seen(NamedTuple):
    """What is known of a split when it is judged."""

    keyed: Keyed
    x: NDArray[Any]  # (sampled rows, columns)
    y: NDArray[Any]  # (sampled rows,)
    constant: NDArray[np.int64]  # the columns that never change, counted from 0


class Judge:
    """The checks of one dataset.

    Parameters
    ----------
    schema : Schema
    splits : mapping of split name to Seen
        Those that have rows.
    sources : sequence of str
        For each feature the column it was made of; empty: each is its own.
    ordered_by : str, optional
        The column by which the splits were cut.
    name_of : function
        Returns what a person calls the row with an id.
    repeats_are_chance : function
        Tells whether equal rows are no surprise; called if there are any.

    Attributes
    ----------
    drift, leakage : dict
        After `findings`: each column's figure, 0 to 1.
    """

    def __init__(
        self,
        schema: Schema,
        splits: Mapping[SplitName, Seen],
        sources: Sequence[str],
        ordered_by: str | None,
        name_of: Callable[[int], str],
        repeats_are_chance: Callable[[], bool],
    ) -> None:
        self.schema, self.splits, self.name_of = schema, splits, name_of
        self.ordered_by, self.repeats_are_chance = ordered_by, repeats_are_chance
        if schema.test_is_train:
            self.splits = {split: seen for split, seen in splits.items() if split != "test"}
        self.classes = len(schema.classes)
        table = schema.layout == "table"
        self.columns = schema.columns if table else tuple(f"brightness_{n}" for n in range(schema.shape[0]))
        self.sources = tuple(sources) or self.columns
        self.x, self.y = self.splits["train"].x, self.splits["train"].y
        self.drift: dict[str, float] = {}
        self.leakage: dict[str, float] = {}

    def findings(self) -> Iterator[Finding]:
        """Yield what is found, the most serious kinds first."""
        equal = EqualRows({split: seen.keyed for split, seen in self.splits.items()})
        chance = equal.pairs > 0 and self.repeats_are_chance()
        yield from self._across(equal, chance)
        yield from self._contradicting(equal, chance)
        yield from self._leaks()
        for split in self.splits:
            repeats = equal.inside(split)
            message = f"{repeats.rows} row(s) of {split} repeat an earlier one"
            yield from self._rows("duplicates_inside", "note" if chance else "warning", repeats, message)
        yield from self._imbalance()
        yield from self._drifts()
        yield from self._constant()

    def _level(self, level: Level) -> Level:
        return level if self.schema.dataset in OWN else "known"

    def _rows(self, check: str, level: Level, repeats: Repeats, message: str) -> Iterator[Finding]:
        if repeats.rows:
            examples = [[self._named(place) for place in group] for group in repeats.examples]
            yield Finding(check, self._level(level), repeats.rows, message, examples)

    def _named(self, place: Place) -> str:
        return f"{place[0]}: {self.name_of(place[1])}"

    def _across(self, equal: EqualRows, chance: bool) -> Iterator[Finding]:
        for first, second in (("train", "test"), ("val", "test"), ("train", "val")):
            repeats = equal.across(first, second)
            serious: Level = "serious" if first == "train" and second == "test" else "warning"
            message = f"{repeats.rows} row(s) of {second} are also in {first}"
            yield from self._rows("duplicates_across", "note" if chance else serious, repeats, message)

    def _contradicting(self, equal: EqualRows, chance: bool) -> Iterator[Finding]:
        repeats = equal.contradicting()
        if self.schema.task == "regression":
            message = f"{repeats.rows} equal rows have different targets"
            yield from self._rows("contradicting_targets", "note", repeats, message)
        else:
            message = f"{repeats.rows} equal rows are of different classes"
            yield from self._rows(
                "contradicting_labels", "warning" if chance else "serious", repeats, message
            )

    def _groups(self) -> dict[str, list[int]]:
        """Return the features made of each column."""
        groups: dict[str, list[int]] = {}
        for number, source in enumerate(self.sources):
            groups.setdefault(source, []).append(number)
        return groups

    def _leaks(self) -> Iterator[Finding]:
        for name, columns in self._groups().items():
            views = [self.x[:, column] for column in columns]
            if len(columns) > 1 and self.classes:
                views.append(row_hashes(self.x[:, columns]))
            score = max(map(self._settled, views))
            self.leakage[name] = score
            if score >= (LEAK if self.classes else LEAK_RANK):
                message = f"column {name!r} alone gives the target {self.schema.target!r} away ({score:.2%})"
                yield Finding("leakage", self._level("serious"), 1, message, [])

    def _settled(self, values: NDArray[Any]) -> float:
        if not self.classes:
            if len(self.y) < LEAK_ROWS:
                return 0.0
            return abs(column_checks.rank_correlation(values, self.y))
        counts = np.bincount(self.y)
        enough = len(self.y) - counts.max() >= LEAK_ROWS
        return column_checks.target_given(values, self.y, self.classes) if enough else 0.0

    def _imbalance(self) -> Iterator[Finding]:
        counts = self.schema.class_counts.get("train", {})
        if not counts:
            return
        rare, common = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        if counts[common] >= IMBALANCE * counts[rare]:
            message = (
                f"class {rare!r} has {counts[rare]} train row(s), class {common!r} {counts[common]}: "
                "accuracy says little about rare classes, look at macro_f1"
            )
            yield Finding("imbalance", self._level("warning"), counts[rare], message, [])

    def _drifts(self) -> Iterator[Finding]:
        if "test" not in self.splits:
            return
        x, y = self.splits["test"].x, self.splits["test"].y
        bound = column_checks.distance_bound(len(self.y), len(y), len(self.columns) + 1)
        pairs = [
            (name, self.x[:, n], x[:, n])
            for n, name in enumerate(self.columns)
            if self.sources[n] != self.ordered_by
        ]
        for name, train, test in [*pairs, (self.schema.target, self.y, y)]:
            gap = column_checks.distance(train, test)
            self.drift[name] = max(gap, self.drift.get(name, 0.0))
            if gap > max(bound, column_checks.MINIMAL_DISTANCE):
                message = f"{name!r} is distributed differently in train and test (distance {gap:.2f} of 1)"
                yield Finding("drift", self._level("warning"), 1, message, [])

    def _constant(self) -> Iterator[Finding]:
        still = set(self.splits["train"].constant.tolist())
        # A one-hot column may well be constant (nothing is unseen in train); its source column is not then.
        moving = {source for number, source in enumerate(self.sources) if number not in still}
        names = [
            source
            for source in dict.fromkeys(self.sources[number] for number in sorted(still))
            if source not in moving
        ]
        if names:
            message = f"{len(names)} column(s) never change in train: {_listed(names)}"
            yield Finding("constant", self._level("note"), len(names), message, [names])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
