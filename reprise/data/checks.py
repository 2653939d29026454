"""The data contract: what should not be found in prepared data, looked for in every dataset.

Columns are judged as the model sees them. Rows of a file are equal when all cells are that features are
made of, each with its full value; other rows when they are stored alike. What is found has a level.
*serious*: equal rows in train and test, equal rows with different classes, a column that alone gives the
target away; with ``prepare.checks: refuse`` they end the prepare stage. *warning*: other equal rows, rare
classes, drift. *note*: constant columns, equal rows of a table with so few different values that they are no
surprise (see `repeats`), what was left out. *known*: whatever is found in a published
dataset. Nothing is ever corrected.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reprise.data.duplicates import Keyed
from reprise.data.findings import Finding, Judge, Seen
from reprise.data.fingerprints import Hashes, Sample, row_hashes
from reprise.foundation.errors import UserError
from reprise.prepared.schema import SPLITS, Schema, SplitName
from reprise.prepared.shards import Arrays

SAMPLE_ROWS = 10_000  # of a split, for what is judged column by column
SAMPLE_VALUES = 2**21
PIECE = 4096  # rows looked at together
LISTED = 20  # columns in the report, those with the largest figures


class _Collected:
    """What is kept of a split: 24 bytes a row, and a sample."""

    def __init__(self, columns: int) -> None:
        self._keys: list[Keyed] = []
        self._sample = Sample(max(1, min(SAMPLE_ROWS, SAMPLE_VALUES // max(1, columns))))
        self._first: NDArray[Any] | None = None
        self._changed = np.zeros(columns, np.bool_)

    def add(self, rows: Arrays, features: NDArray[Any], keys: Hashes) -> None:
        self._keys.append(Keyed(keys, rows.y, rows.ids))
        self._sample.add(rows.ids, features, rows.y)
        if self._first is None:
            self._first = features[0].copy()
        still = np.flatnonzero(~self._changed)  # most columns change at once, and are not looked at again
        if len(still):
            self._changed[still] = (features[:, still] != self._first[still]).any(axis=0)

    def seen(self) -> Seen:
        keyed = Keyed(*map(np.concatenate, zip(*self._keys, strict=True)))
        return Seen(keyed, *self._sample.rows(), np.flatnonzero(~self._changed))


class Contract:
    """Collects rows while they are written, and judges them at the end.

    Memory grows by 24 bytes a row; the findings don't depend on how the rows are cut into parts.
    """

    def __init__(self) -> None:
        self._splits: dict[SplitName, _Collected] = {}

    def add(self, split: SplitName, rows: Arrays, keys: Hashes | None = None) -> None:
        """Take note of rows, as they are stored.

        Parameters
        ----------
        split : {"train", "val", "test"}
        rows : Arrays
        keys : array (rows,) of uint64, optional
            Equal for rows that are to count as equal; by default those that are stored alike.
        """
        for start in range(0, len(rows.x), PIECE):
            piece = Arrays(*(column[start : start + PIECE] for column in rows))
            key = row_hashes(piece.x) if keys is None else keys[start : start + PIECE]
            features = _features(piece.x)
            if split not in self._splits:
                self._splits[split] = _Collected(features.shape[1])
            self._splits[split].add(piece, features, key)

    def judge(
        self,
        schema: Schema,
        policy: Literal["refuse", "warn"],
        *,
        sources: Sequence[str] = (),
        ordered_by: str | None = None,
        name_of: Callable[[int], str] = "row {}".format,
        others: Iterable[Finding] = (),
        repeats_are_chance: Callable[[], bool] = bool,
    ) -> dict[str, Any]:
        """Tell what was found, on standard error, and return the content of checks.json.

        Parameters
        ----------
        schema : Schema
            Of the rows that were added.
        policy : {"refuse", "warn"}
        sources : sequence of str, optional
            For each feature the column that it was made of; by default each is its own.
        ordered_by : str, optional
            The column by which the splits were cut: that it drifts is no news.
        name_of : function, optional
            Returns what a person calls the row with an id.
        others : iterable of Finding, optional
            What was found before the rows were written; told after the rest.
        repeats_are_chance : function, optional
            Tells whether the equal rows, if there are any, are no surprise; by default they are one.

        Raises
        ------
        UserError
            With `policy` refuse, if anything serious was found.
        """
        splits = {split: self._splits[split].seen() for split in SPLITS if split in self._splits}
        judge = Judge(schema, splits, sources, ordered_by, name_of, repeats_are_chance)
        findings = [*judge.findings(), *others]
        serious = [finding for finding in findings if finding.level == "serious"]
        if serious and policy == "refuse":
            raise UserError(
                *(f"{schema.dataset}: {finding.message}{_example(finding)}" for finding in serious),
                f"{schema.dataset}: correct the data, or set prepare.checks: warn to go on all the same",
            )
        for line in table(findings):
            print(line, file=sys.stderr)
        return {
            "findings": [finding._asdict() for finding in findings],
            "drift": _largest(judge.drift),
            "leakage": _largest(judge.leakage),
            "rows": schema.counts,
        }


def _features(x: NDArray[Any]) -> NDArray[Any]:
    """Return what is judged column by column: a table as it is, of images the brightness of each channel."""
    if x.ndim == 2:
        return x
    brightness: NDArray[np.int64] = x.reshape(*x.shape[:2], -1).sum(axis=2, dtype=np.int64)
    return brightness


def table(findings: Sequence[Finding]) -> list[str]:
    """Return findings as plain lines, one each."""
    if not findings:
        return []
    serious = sum(finding.level == "serious" for finding in findings)
    head = f"checks: {len(findings)} finding(s), {serious} serious (all of it: checks.json)"
    return [head, *(f"  {finding.level:7}  {finding.message}{_example(finding)}" for finding in findings)]


def _example(finding: Finding) -> str:
    if finding.check == "constant" or not finding.examples:
        return ""
    return f", for example {' and '.join(finding.examples[0])}"


def _largest(figures: dict[str, float]) -> dict[str, float]:
    names = sorted(figures, key=lambda name: (-figures[name], name))[:LISTED]
    return {name: round(figures[name], 6) for name in names}
