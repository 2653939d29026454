"""Looking at a CSV file: its columns, which one to predict, and which ones not to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from reprise.foundation.errors import UserError, nearest
from reprise.starter.imbalance import Imbalance, imbalance
from reprise.starter.target import ID, refuse_classes_of_one
from reprise.tables.convert import convert
from reprise.tables.dialect import Settings
from reprise.tables.names import clean
from reprise.tables.parse import Cells
from reprise.tables.row_numbers import ENOUGH_ROWS, STARTS, counts_rows, is_index, is_unnamed
from reprise.tables.rows import Table, open_table
from reprise.tables.target import Target, find_target
from reprise.tables.types import Ambiguous, Tally, Type, infer, tally
from reprise.tables.values import is_missing, text_hash

TARGETS = (
    "target", "label", "labels", "class", "classes", "y", "output", "outcome", "species", "category",
    "diagnosis", "survived", "churn", "default", "price", "saleprice", "medv", "quality", "score", "rating",
    "정답", "라벨", "레이블", "타깃", "타겟", "목표", "분류", "클래스", "가격",
)  # fmt: skip
LOOK_ROWS = 20_000  # all columns are looked at in the first so many rows, or a few more
EVERY = 10  # chunks: the target is looked at in the first ten and in each tenth after them
MANY_TEXTS = 0.5  # a text column with more different texts than this share of its rows says nothing general


class Column(NamedTuple):
    """What the first rows say of a column."""

    name: str
    type: Type
    ambiguous: bool  # dates that may start with the day or the month
    different: int  # texts


class TableLook(NamedTuple):
    """What was found in a table."""

    rows: int
    columns: tuple[Column, ...]  # all but the target
    target: str
    why: str  # it is the target
    task: Literal["classification", "regression"]
    classes: tuple[str, ...]
    imbalance: Imbalance | None
    unanswered: int  # rows looked at whose target is missing
    answers: int  # rows whose target was looked at
    id: str | None
    drop: tuple[str, ...]  # further columns that name the rows
    row_numbers: tuple[str, ...]  # that prepare will not learn from
    texts: tuple[str, ...]  # that almost never repeat
    day_first: bool  # must be said, because a column's dates don't


def look_at_table(path: Path, target: str | None) -> TableLook:
    """Read a table and find out what it holds.

    Parameters
    ----------
    path : Path
    target : str, optional
        The column to predict; guessed by default.

    Raises
    ------
    UserError
        If this is no table or its target no target.
    """
    mentioned = () if target is None else (clean(target),)
    with open_table(path, Settings(columns=mentioned), whole=True) as table:
        name, why = _target(table, target)
        seen = _Seen(table, name)
        for number, chunk in enumerate(table.chunks()):
            if seen.rows < LOOK_ROWS:
                seen.add(chunk.read(text=table.names))
            elif number < EVERY or number % EVERY == 0:
                seen.add(chunk.read(text=(name,)))
            seen.rows += len(chunk)
    if len(table.names) < 2:
        raise UserError(f"{path}: one column only, {name!r}; a table has a target and columns to learn from")
    try:
        found = seen.target()
    except UserError as error:
        raise UserError(
            *(f"{path}: {problem}" for problem in error.problems),
            f"{path}: {name!r} was taken for the target ({why}); name another with --target: "
            f"{_some(table.names)}",
        ) from None
    columns = tuple(seen.column(other) for other in table.names if other != name)
    unused = _unused(columns, seen, table)
    idle = {unused.id, *unused.drop, *unused.row_numbers, *unused.texts}
    return TableLook(
        rows=seen.rows,
        columns=columns,
        target=name,
        why=why,
        task=found.task,
        classes=found.classes,
        imbalance=_imbalance(found),
        unanswered=seen.unanswered,
        answers=seen.unanswered + len(found.y),
        day_first=any(column.ambiguous and column.name not in idle for column in columns),
        **unused._asdict(),
    )


def _imbalance(target: Target) -> Imbalance | None:
    counts = np.bincount(target.y).tolist() if target.classes else []
    return imbalance(target.classes, counts)


class _Unused(NamedTuple):
    """Columns not to learn from, by why."""

    id: str | None = None
    drop: tuple[str, ...] = ()
    row_numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


def _unused(columns: Sequence[Column], seen: _Seen, table: Table) -> _Unused:
    ids = [column.name for column in columns if seen.is_id(column)]
    rest = [column for column in columns if column.name not in ids]
    numbers = [c.name for c in rest if seen.numbers_rows(c, table.names, table.dialect.header)]
    texts = [c.name for c in rest if c.name not in numbers and seen.says_nothing(c)]
    if len(ids) + len(numbers) + len(texts) == len(columns):
        return _Unused()  # something to learn from must be left
    more = [column.name for column in columns if column.name in ids[1:]]
    return _Unused(ids[0] if ids else None, tuple(more), tuple(numbers), tuple(texts))


def _target(table: Table, wanted: str | None) -> tuple[str, str]:
    """Return the target and why it is the one."""
    if wanted is not None:
        if clean(wanted) in table.names:
            return clean(wanted), "as you said"
        close = nearest(wanted, table.names)
        hint = f"did you mean {close!r}? " if close else ""
        raise UserError(
            f"--target: no column {wanted!r} in {table.where}; {hint}The columns are {_some(table.names)}"
        )
    known = {name.casefold(): name for name in reversed(table.names)}
    for name in TARGETS:
        if name in known:
            return known[name], "by its name"
    return table.names[-1], "the last column"


class _Seen:
    """What was seen of the rows so far."""

    def __init__(self, table: Table, target: str) -> None:
        self.decimal, self.name = table.dialect.decimal, target
        self.rows = self._looked = 0
        self._tallies: dict[str, Tally] = {name: Counter() for name in table.names}
        self._texts: dict[str, set[str]] = {name: set() for name in table.names}
        # From which numbers each column may count the rows, as far as was seen.
        self._starts: dict[str, tuple[int, ...]] = dict.fromkeys(table.names, STARTS)
        self._codes: list[np.ndarray] = []  # of the target, as places in _answers
        self._answers: dict[str, int] = {}

    def add(self, columns: Mapping[str, object]) -> None:
        """Take note of columns of a chunk, all of them `Cells`."""
        for name, column in columns.items():
            assert isinstance(column, Cells)
            self._tallies[name] += tally(column, self.decimal)
            self._texts[name] |= set(column.texts)
            if self._starts[name]:
                values = convert(column, Type("numeric"), self.decimal).values
                rows = np.arange(self._looked, self._looked + len(values))
                self._starts[name] = tuple(s for s in self._starts[name] if counts_rows(values, rows, s))
        cells = columns[self.name]
        assert isinstance(cells, Cells)
        self._looked += len(cells.codes) if len(columns) > 1 else 0
        places = [self._answers.setdefault(text.strip(), len(self._answers)) for text in cells.texts]
        self._codes.append(np.array([*places, -1])[cells.codes])

    @property
    def unanswered(self) -> int:
        """Rows without a value of the target."""
        return self._tallies[self.name]["missing"]

    def target(self) -> Target:
        """Return the target as the prepare stage will see it, but for the rows without one."""
        texts = tuple(self._answers)
        codes = np.concatenate(self._codes)
        answered = codes >= 0
        answered[answered] = ~np.array([is_missing(text) for text in texts], np.bool_)[codes[answered]]
        if not answered.any():
            raise UserError(f"column {self.name!r}: no row has a value")
        kind = self._type(self.name)[0]
        if kind.kind != "numeric":
            used = [texts[code] for code in np.unique(codes[answered]).tolist()]
            refuse_classes_of_one(self.name, used, int(answered.sum()), kind.kind)
        kind = kind if kind.kind == "numeric" else Type("categorical")
        converted = convert(Cells(codes[answered], texts), kind, self.decimal)
        values = converted.values[~np.isnan(converted.values)] if kind.kind == "numeric" else converted.values
        names = {text_hash(text): text for text in texts} if kind.kind == "categorical" else None
        return find_target(self.name, values, kind, names, "auto", np.zeros(len(values), np.bool_))

    def column(self, name: str) -> Column:
        """Return what was found out about a column."""
        kind, ambiguous = self._type(name)
        return Column(name, kind, ambiguous, len(self._texts[name]))

    def is_id(self, column: Column) -> bool:
        """Tell whether a column numbers or names the rows."""
        present = self._looked - self._tallies[column.name]["missing"]
        named = ID.fullmatch(column.name) is not None
        return named and column.different == present == self._looked > 1 and column.type.kind != "date"

    def numbers_rows(self, column: Column, names: Sequence[str], header: bool) -> bool:
        """Tell whether prepare will say that a column only numbers the rows."""
        if column.type.kind != "numeric" or self._looked < ENOUGH_ROWS:
            return False
        if self._starts[column.name]:
            return True
        if not is_unnamed(column.name, names, header) or column.different != self._looked:
            return False
        texts = Cells(np.arange(column.different), tuple(self._texts[column.name]))
        return is_index(convert(texts, Type("numeric"), self.decimal).values)

    def says_nothing(self, column: Column) -> bool:
        """Tell whether almost every row of a text column has another text."""
        present = self._looked - self._tallies[column.name]["missing"]
        return column.type.kind == "categorical" and present > 20 and column.different > MANY_TEXTS * present

    def _type(self, name: str) -> tuple[Type, bool]:
        try:
            return infer(self._tallies[name], None, "auto"), False
        except Ambiguous:
            return infer(self._tallies[name], None, "yes"), True


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
