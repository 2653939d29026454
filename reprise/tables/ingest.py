"""Reading tables into a spill: column types, values and texts, in one pass or, after a surprise, two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from reprise.foundation.errors import UserError
from reprise.settings.params import Csv
from reprise.tables.convert import Converted, convert, dtype_of, misfit_line
from reprise.tables.dialect import Dialect
from reprise.tables.fit import LISTED
from reprise.tables.parse import Cells
from reprise.tables.roles import Roles, find_roles
from reprise.tables.rows import SHOWN, Chunk, Table, open_table
from reprise.tables.sources import Source, differences
from reprise.tables.spill import Spill
from reprise.tables.types import Ambiguous, Tally, Type, infer, tally
from reprise.tables.values import is_missing, text_hash

Texts = dict[str, dict[int, str] | None]  # column → the text of each hash; None: more than LISTED


class Ingested(NamedTuple):
    """All rows of the sources. The spill's columns are those of `types` in order, then the line numbers."""

    spill: Spill
    roles: Roles
    types: dict[str, Type]  # features, then the target, then the group
    texts: Texts
    rows: tuple[int, ...]  # of each source
    names: tuple[str, ...]  # all columns of the first source
    dialects: tuple[Dialect, ...]


def ingest(sources: Sequence[Source], csv: Csv, folder: Path, block_bytes: int) -> Ingested:
    """Read all rows.

    The first rows say as what to read each column; when the rest of them proves otherwise the files are
    read once more. The types don't depend on that first guess.

    Parameters
    ----------
    sources : sequence of Source
        The first one defines the columns; other files of training rows have the same.
    csv : Csv
    folder : Path
        Where the spill goes.
    block_bytes : int
        Bytes read at a time; nothing else depends on it.

    Raises
    ------
    UserError
        Names every cell, up to a few a column, that does not fit.
    """
    first = sources[0]
    with open_table(first.file.path, first.settings, whole=True, block_bytes=block_bytes) as table:
        roles = find_roles(table.names, csv, table.where, table.dialect.header)
        types = _guess(table, roles, csv)
        names = table.names
    while True:
        spill = Spill(folder, [*map(dtype_of, types.values()), np.int64])
        try:
            reading = _Pass(roles, types, spill, names)
            for source in sources:
                reading.add(source, block_bytes)
            decided = _decide(reading.tallies, roles, csv)
            if decided == types:
                reading.refuse()
                return Ingested(
                    spill, roles, types, reading.texts, tuple(reading.rows), names, tuple(reading.dialects)
                )
        except BaseException:
            spill.close()
            raise
        spill.close()
        types = decided


def _guess(table: Table, roles: Roles, csv: Csv) -> dict[str, Type]:
    columns = table.sample().read(text=[*roles.features, roles.target])
    tallies = {name: tally(column, table.dialect.decimal) for name, column in columns.items()}
    return _decide(tallies, roles, csv, final=False)


def _decide(tallies: Mapping[str, Tally], roles: Roles, csv: Csv, *, final: bool = True) -> dict[str, Type]:
    """Return the type of each column to read."""
    types = {}
    for name in (*roles.features, roles.target):
        declared = roles.declared.get(name)
        if name == roles.target and csv.task == "regression":
            declared = "numeric"
        try:
            types[name] = infer(tallies[name], declared, csv.day_first)
        except Ambiguous:
            if final and name != roles.target:
                raise UserError(
                    f"column {name!r}: dates such as 01/02/2024 may start with the day or the month; set "
                    f"prepare.csv.day_first to yes or no, or prepare.csv.types to {{{name}: categorical}}"
                ) from None
            types[name] = Type("categorical")
    if types[roles.target].kind != "numeric":
        types[roles.target] = Type("categorical")
    if roles.group is not None:
        types[roles.group] = Type("categorical")
    return types


class _Pass:
    """One reading of all files with given types."""

    def __init__(self, roles: Roles, types: dict[str, Type], spill: Spill, names: tuple[str, ...]) -> None:
        self.roles, self.types, self.spill, self._names = roles, types, spill, names
        self.tallies: dict[str, Tally] = {name: Counter() for name in types}
        self.texts: Texts = {name: {} for name, kind in types.items() if kind.kind == "categorical"}
        if roles.group is not None:
            self.texts[roles.group] = None
        self.rows: list[int] = []
        self.dialects: list[Dialect] = []
        self._misfits: dict[str, list[str]] = {name: [] for name in types}
        self._misfit_counts = dict.fromkeys(types, 0)

    def add(self, source: Source, block_bytes: int) -> None:
        """Read a file to its end."""
        # That the first file's names are known says of a file of texts alone whether it has a header.
        known = source.settings._replace(columns=(*source.settings.columns, *self._names))
        with open_table(source.file.path, known, whole=True, block_bytes=block_bytes) as table:
            if source.is_test:  # it may have other columns beside those that are used
                problems = differences([n for n in table.names if n in self.types], tuple(self.types))
            else:
                problems = differences(table.names, self._names)
            if problems:
                raise UserError(*(f"{table.where}: {problem}" for problem in problems))
            self.rows.append(0)
            self.dialects.append(table.dialect)
            for chunk in table.chunks():
                self._add(chunk, table.where)
            if self.rows[-1] == 0:
                raise UserError(f"{table.where}: a header and no rows")

    def _add(self, chunk: Chunk, where: str) -> None:
        numeric = [name for name, kind in self.types.items() if kind.kind in ("numeric", "empty")]
        columns = chunk.read(numeric, [name for name in self.types if name not in numeric])
        values = []
        for name, kind in self.types.items():
            column = columns[name]
            converted = convert(column, kind, chunk.dialect.decimal)
            values.append(converted.values)
            if name != self.roles.group:
                self.tallies[name] += tally(column, chunk.dialect.decimal)
            self._note_misfits(name, converted, chunk, where)
            if isinstance(column, Cells):
                self._note_texts(name, column)
        self.spill.add([*values, chunk.lines])
        self.rows[-1] += len(chunk)

    def _note_texts(self, name: str, column: Cells) -> None:
        known = self.texts.get(name)
        if known is None:
            return
        for text in column.texts:
            stripped = text.strip()
            if not is_missing(stripped):
                known[text_hash(stripped)] = stripped
        if len(known) > LISTED:
            self.texts[name] = None

    def _note_misfits(self, name: str, converted: Converted, chunk: Chunk, where: str) -> None:
        found = converted.misfits
        if name in (self.roles.target, self.roles.group):
            absent = (
                np.isnan(converted.values) if converted.values.dtype == np.float64 else converted.values == 0
            )
            wrong = {row for row, _ in found}
            found = [*found, *((row, "") for row in np.flatnonzero(absent).tolist() if row not in wrong)]
        self._misfit_counts[name] += len(found)
        room = SHOWN - len(self._misfits[name])
        for row, text in sorted(found)[:room]:
            place = f"{where}: {chunk.dialect.unit} {chunk.lines[row]}"
            if text:
                self._misfits[name].append(misfit_line(place, name, self.types[name], text))
            else:
                self._misfits[name].append(f"{place}: column {name!r}: no value")

    def refuse(self) -> None:
        """Raise a `UserError` that names the cells that don't fit, if there are any."""
        problems: list[str] = []
        for name, lines in self._misfits.items():
            if lines:
                more = self._misfit_counts[name] - len(lines)
                problems += lines
                problems.append(_advice(name, more, self.types[name], self.roles))
        if problems:
            raise UserError(*problems)


def _advice(name: str, more: int, kind: Type, roles: Roles) -> str:
    others = f"{more} more such cell(s) in this column; " if more else ""
    if name in (roles.target, roles.group):
        key = "target" if name == roles.target else "group"
        return (
            f"column {name!r}: {others}each row needs a value of prepare.csv.{key}; add it or drop the rows"
        )
    return (
        f"column {name!r}: {others}correct the cells or empty them, or set prepare.csv.types to "
        f"{{{name}: categorical}} if this is not a {kind.kind} column"
    )
