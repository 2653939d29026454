"""Looking at a table: its columns, which one to predict, and which ones not to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from reprise.foundation.errors import UserError, nearest
from reprise.starter.imbalance import Imbalance, imbalance
from reprise.starter.seen import Column, Seen
from reprise.tables.dialect import Settings
from reprise.tables.files import TableFile, table_files
from reprise.tables.names import clean
from reprise.tables.rows import Chunk, Table, open_table
from reprise.tables.sources import differences
from reprise.tables.target import Target

TARGETS = (
    "target", "label", "labels", "class", "classes", "y", "output", "outcome", "species", "category",
    "diagnosis", "survived", "churn", "default", "price", "saleprice", "medv", "quality", "score", "rating",
    "정답", "라벨", "레이블", "타깃", "타겟", "목표", "분류", "클래스", "가격",
)  # fmt: skip
LOOK_ROWS = 20_000  # all columns are looked at in the first so many rows, or a few more
EVERY = 10  # chunks: the target is looked at in the first ten and in each tenth after them


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
    seen = Seen(table.names, name)
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
        classes=found.classes,
        imbalance=_imbalance(found),
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


def _imbalance(target: Target) -> Imbalance | None:
    counts = np.bincount(target.y).tolist() if target.classes else []
    return imbalance(target.classes, counts)


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


def _unused(columns: Sequence[Column], seen: Seen, table: Table) -> _Unused:
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


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
