"""Reading tables into a spill: column types, values and texts, in one pass or, after a surprise, two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.settings.params import Csv
from reprise.tables.convert import Converted, convert, dtype_of, misfit_line
from reprise.tables.decide import decide, inferred
from reprise.tables.dialect import Dialect
from reprise.tables.fit import LISTED
from reprise.tables.ids import id_cells
from reprise.tables.parse import Cells
from reprise.tables.roles import Roles, find_roles
from reprise.tables.rows import SHOWN, Chunk, Table, open_table
from reprise.tables.sources import Source, differences
from reprise.tables.spill import Spill
from reprise.tables.types import Tally, Type, tally
from reprise.tables.values import is_missing, text_hash

Texts = dict[str, dict[int, str] | None]  # column → the text of each hash; None: more than LISTED


class Ingested(NamedTuple):
    """All rows of the sources that are used.

    The spill's columns are those of `types` in order, then each row's number, counted from 0 through all
    rows of the sources, then its line number, then, if there is an id column, its cells as packed texts.
    """

    spill: Spill
    roles: Roles
    types: dict[str, Type]  # features, then the target, the group and what orders the rows
    texts: Texts
    rows: tuple[int, ...]  # of each source
    without_target: int  # rows that are left out
    names: tuple[str, ...]  # all columns of the first source
    dialects: tuple[Dialect, ...]

    def ids(self) -> NDArray[np.int64]:
        """Return each row's number, shape (rows,)."""
        return self.spill.column(len(self.types))

    def lines(self) -> NDArray[np.int64]:
        """Return the number of each row's first line in its file, shape (rows,)."""
        return self.spill.column(len(self.types) + 1)


def ingest(
    sources: Sequence[Source], csv: Csv, folder: Path, block_bytes: int, by: str | None = None
) -> Ingested:
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
    by : str, optional
        The column that orders the rows.

    Raises
    ------
    UserError
        Names every cell, up to a few a column, that does not fit.
    """
    first = sources[0]
    with open_table(first.file.path, first.settings, whole=True, block_bytes=block_bytes) as table:
        roles = find_roles(table.names, csv, table.where, table.dialect.header, by)
        types = _guess(table, roles, csv)
        names = table.names
    while True:
        ids = [] if roles.id is None else [np.bytes_]
        spill = Spill(folder, [*map(dtype_of, types.values()), np.int64, np.int64, *ids])
        try:
            reading = _Pass(roles, types, spill, names, csv.missing_target == "drop")
            for source in sources:
                reading.add(source, block_bytes)
            decided = decide(reading.tallies, roles, csv)
            if decided == types:
                reading.refuse()
                return Ingested(
                    spill,
                    roles,
                    types,
                    reading.texts,
                    tuple(reading.rows),
                    reading.read - sum(reading.rows),
                    names,
                    tuple(reading.dialects),
                )
        except BaseException:
            spill.close()
            raise
        spill.close()
        types = decided


def _guess(table: Table, roles: Roles, csv: Csv) -> dict[str, Type]:
    columns = table.sample().read(text=inferred(roles))
    tallies = {name: tally(column, table.dialect.decimal) for name, column in columns.items()}
    return decide(tallies, roles, csv, final=False)


class _Pass:
    """One reading of all files with given types."""

    def __init__(
        self,
        roles: Roles,
        types: dict[str, Type],
        spill: Spill,
        names: tuple[str, ...],
        only_answered: bool,
    ) -> None:
        self.roles, self.types, self.spill, self._names = roles, types, spill, names
        self.only_answered = only_answered  # leave out rows without a target
        self.read = 0  # rows, also those left out
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
            before = self.read
            self.dialects.append(table.dialect)
            for chunk in table.chunks():
                self._add(chunk, table)
            if self.read == before:
                raise UserError(f"{table.where}: a header and no rows")
            if self.rows[-1] == 0:
                raise UserError(
                    f"{table.where}: no row has a value of {self.roles.target!r}, the column to predict "
                    "(prepare.csv.target)"
                )

    def _add(self, chunk: Chunk, table: Table) -> None:
        numeric = [name for name, kind in self.types.items() if kind.kind in ("numeric", "empty")]
        text = [name for name in self.types if name not in numeric]
        ids = [name for name in table.names if name == self.roles.id and name not in self.types]
        columns = chunk.read(numeric, [*text, *ids])
        decimal = chunk.dialect.decimal
        converted = {name: convert(columns[name], kind, decimal) for name, kind in self.types.items()}
        used = self._used(converted[self.roles.target])
        for name in self.types:
            column = columns[name]
            if name != self.roles.group:
                self.tallies[name] += tally(column, decimal)
            self._note_misfits(name, converted[name], used, chunk, table.where)
            if isinstance(column, Cells):
                self._note_texts(name, column)
        numbers = np.arange(self.read, self.read + len(chunk))
        values = (converted[name].values for name in self.types)
        kept = [part[used] for part in (*values, numbers, chunk.lines)]
        self.spill.add([*kept, *(ids.only(used) for ids in id_cells(self.roles.id, chunk, columns))])
        self.read += len(chunk)
        self.rows[-1] += int(np.count_nonzero(used))

    def _used(self, target: Converted) -> NDArray[np.bool_]:
        """Tell which rows (rows,) are not left out; a target that can't be read is no missing one."""
        used = np.ones(len(target.values), np.bool_)
        if self.only_answered:
            used[_absent(target)] = False
            used[[row for row, _ in target.misfits]] = True
        return used

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

    def _note_misfits(
        self, name: str, converted: Converted, used: NDArray[np.bool_], chunk: Chunk, where: str
    ) -> None:
        found = converted.misfits
        if name in _needed(self.roles):
            wrong = {row for row, _ in found}
            absent = np.flatnonzero(_absent(converted)).tolist()
            found = [*found, *((row, "") for row in absent if row not in wrong)]
        found = [(row, text) for row, text in found if used[row]]
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


def _needed(roles: Roles) -> dict[str | None, str]:
    """Return the columns of which each row must have a value, and the parameters that name them."""
    return {
        roles.by: "prepare.split.by",
        roles.group: "prepare.csv.group",
        roles.target: "prepare.csv.target",
    }


def _absent(converted: Converted) -> NDArray[np.bool_]:
    """Tell which rows (rows,) have no value."""
    values = converted.values
    nothing = "" if values.dtype == np.object_ else 0
    absent: NDArray[np.bool_] = np.isnan(values) if values.dtype == np.float64 else values == nothing
    return absent


def _advice(name: str, more: int, kind: Type, roles: Roles) -> str:
    others = f"{more} more such cell(s) in this column; " if more else ""
    if key := _needed(roles).get(name):
        fix = "set prepare.csv.missing_target to drop" if name == roles.target else "remove the rows"
        return f"column {name!r}: {others}each row needs a value of {key}; add it, or {fix}"
    return (
        f"column {name!r}: {others}correct the cells or empty them, or set prepare.csv.types to "
        f"{{{name}: categorical}} if this is not a {kind.kind} column"
    )
