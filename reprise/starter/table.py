"""Looking at a table: its columns, which one to predict, and which ones not to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from reprise.foundation.errors import UserError, nearest
from reprise.starter.target import ID, WORDS, refuse_classes_of_one
from reprise.tables.convert import convert
from reprise.tables.dialect import Settings
from reprise.tables.files import TableFile, table_files
from reprise.tables.names import clean
from reprise.tables.parse import Cells
from reprise.tables.row_numbers import ENOUGH_ROWS, STARTS, counts_rows, is_index, is_unnamed
from reprise.tables.rows import Chunk, Table, open_table
from reprise.tables.sources import differences
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
    classes: int
    unanswered: int  # rows looked at whose target is missing
    answers: int  # rows whose target was looked at
    id: str | None
    drop: tuple[str, ...]  # further columns that name the rows
    row_numbers: tuple[str, ...]  # that prepare will not learn from
    texts: tuple[str, ...]  # whose words are learnt
    presences: tuple[str, ...]  # texts of few words that almost never repeat
    day_first: bool  # must be said, because a column's dates don't


def look_at_table(given: str, target: str | None, sheet: str | None = None) -> TableLook:
    """Read a table and find out what it holds.

    Parameters
    ----------
    given : str
        A path, or a pattern for several files.
    target : str, optional
        The column to predict; guessed by default.
    sheet : str, optional
        Of an Excel workbook.

    Raises
    ------
    UserError
        If this is no table or its target no target.
    """
    mentioned = () if target is None else (clean(target),)
    files = table_files(given)
    with open_table(files[0].path, Settings(columns=mentioned, sheet=sheet), whole=True) as table:
        name, why = _target(table, target)
    if len(table.names) < 2:
        raise UserError(f"{given}: one column only, {name!r}; a table has a target and columns to learn from")
    settings = Settings(columns=table.names, sheet=sheet)
    seen = _Seen(table.names, name)
    for number, chunk in enumerate(_chunks(files, settings, table.names)):
        if seen.rows < LOOK_ROWS:
            seen.add(chunk.read(text=table.names), chunk.dialect.decimal)
        elif number < EVERY or number % EVERY == 0:
            seen.add(chunk.read(text=(name,)), chunk.dialect.decimal)
        seen.rows += len(chunk)
    try:
        found = seen.target()
    except UserError as error:
        raise UserError(
            *(f"{given}: {problem}" for problem in error.problems),
            f"{given}: {name!r} was taken for the target ({why}); name another with --target: "
            f"{_some(table.names)}",
        ) from None
    columns = tuple(seen.column(other) for other in table.names if other != name)
    unused = _unused(columns, seen, table)
    idle = {unused.id, *unused.drop, *unused.row_numbers, *unused.presences}
    if idle >= {column.name for column in columns}:
        raise UserError(_nothing(given, name, unused))
    return TableLook(
        rows=seen.rows,
        columns=columns,
        target=name,
        why=why,
        task=found.task,
        classes=len(found.classes),
        unanswered=seen.unanswered,
        answers=seen.unanswered + len(found.y),
        day_first=any(column.ambiguous and column.name not in idle for column in columns),
        **unused._asdict(),
    )


def _chunks(files: Sequence[TableFile], settings: Settings, names: Sequence[str]) -> Iterator[Chunk]:
    """Yield the rows of all files."""
    for file in files:
        with open_table(file.path, settings, whole=True) as table:
            if problems := differences(table.names, names):
                raise UserError(*(f"{table.where}: {problem}" for problem in problems))
            yield from table.chunks()


class _Unused(NamedTuple):
    """Columns not to learn from, or not as they are, by why."""

    id: str | None = None
    drop: tuple[str, ...] = ()
    row_numbers: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    presences: tuple[str, ...] = ()


def _nothing(given: str, target: str, unused: _Unused) -> str:
    """Return why nothing is left to learn from."""
    ids = (*([] if unused.id is None else [unused.id]), *unused.drop)
    reasons = [
        f"{_some(list(map(repr, names)))} ({why})"
        for names, why in (
            (ids, "another value in each row"),
            (unused.row_numbers, "only counts the rows"),
            (unused.presences, "text of few words that almost never repeats"),
        )
        if names
    ]
    return (
        f"{given}: nothing to learn {target!r} from: {', '.join(reasons)}; add columns that say something of "
        "it, or write params.yaml by hand with prepare.csv.types"
    )


def _unused(columns: Sequence[Column], seen: _Seen, table: Table) -> _Unused:
    ids = [column.name for column in columns if seen.is_id(column)]
    rest = [column for column in columns if column.name not in ids]
    numbers = [c.name for c in rest if seen.numbers_rows(c, table.names, table.dialect.header)]
    unique = [c for c in rest if c.name not in numbers and seen.hardly_repeats(c)]
    texts = tuple(c.name for c in unique if seen.is_text(c))
    presences = tuple(c.name for c in unique if c.name not in texts)
    return _Unused(ids[0] if ids else None, tuple(ids[1:]), tuple(numbers), texts, presences)


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

    def __init__(self, names: Sequence[str], target: str) -> None:
        self.decimal, self.name = ".", target
        self.rows = self._looked = 0
        self._tallies: dict[str, Tally] = {name: Counter() for name in names}
        self._texts: dict[str, set[str]] = {name: set() for name in names}
        # From which numbers each column may count the rows, as far as was seen.
        self._starts: dict[str, tuple[int, ...]] = dict.fromkeys(names, STARTS)
        self._codes: list[np.ndarray] = []  # of the target, as places in _answers
        self._answers: dict[str, int] = {}

    def add(self, columns: Mapping[str, object], decimal: str) -> None:
        """Take note of columns of a chunk, all of them `Cells`."""
        self.decimal = decimal
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

    def hardly_repeats(self, column: Column) -> bool:
        """Tell whether almost every row of a text column has another text."""
        present = self._looked - self._tallies[column.name]["missing"]
        return column.type.kind == "categorical" and present > 20 and column.different > MANY_TEXTS * present

    def is_text(self, column: Column) -> bool:
        """Tell whether most of a column's texts are of several words."""
        texts = [text for text in self._texts[column.name] if not is_missing(text.strip())]
        return sum(len(text.split()) >= WORDS for text in texts) * 2 > len(texts)

    def _type(self, name: str) -> tuple[Type, bool]:
        try:
            return infer(self._tallies[name], None, "auto"), False
        except Ambiguous:
            return infer(self._tallies[name], None, "yes"), True


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
