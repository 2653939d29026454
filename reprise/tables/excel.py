"""Reading a sheet of an Excel workbook (.xlsx) row by row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import openpyxl

from reprise.foundation.errors import UserError, nearest
from reprise.tables.dialect import HEAD_RECORDS, NATIVE, Settings, find_header
from reprise.tables.names import column_names
from reprise.tables.native import RecordsChunk, text_of

ROWS_AT_ONCE = 1000
_OLD = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the part of the old container that holds the new one
Cells = tuple[Any, ...]
Item = TypeVar("Item")


class ExcelTable:
    """A sheet that is open for one pass (see `reprise.tables.rows.Table`); rows have the sheet's numbers.

    Rows without a cell are left out. A formula counts as the value that was stored with it.
    """

    def __init__(self, stream: BinaryIO, where: str, settings: Settings) -> None:
        self.where = where
        _refuse_old(stream, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions, which don't matter here
            book = self._checked(lambda: openpyxl.load_workbook(stream, read_only=True, data_only=True))
        self._sheet = self._choose(book, settings.sheet)
        first = next(self._rows(), None)
        if first is None:
            raise UserError(f"{where}: empty; a table has a header and rows")
        titles = [text_of(value) or "" for value in first[1]]
        header = find_header(titles, settings, ".")
        self.dialect = NATIVE._replace(header=header)
        self.names = column_names(titles, header)

    def sample(self) -> RecordsChunk:
        """Return the first rows; they come again from `chunks`."""
        return self._chunk(list(islice(self._records(), HEAD_RECORDS)))

    def chunks(self) -> Iterator[RecordsChunk]:
        """Yield the rows in order."""
        records = self._records()
        while part := list(islice(records, ROWS_AT_ONCE)):
            yield self._chunk(part)

    def _chunk(self, part: Sequence[tuple[int, Cells]]) -> RecordsChunk:
        columns = {name: [cells[place] for _, cells in part] for place, name in enumerate(self.names)}
        return RecordsChunk([number for number, _ in part], columns, self.dialect, self.where)

    def _records(self) -> Iterator[tuple[int, Cells]]:
        """Yield the rows below the header, each with a cell for each column."""
        width = len(self.names)
        for number, cells in islice(self._rows(), int(self.dialect.header), None):
            if len(cells) > width:
                raise UserError(
                    f"{self.where}: row {number}: {len(cells)} cell(s), but the first row has {width}; give "
                    "each column a name in the first row"
                )
            yield number, (*cells, *[None] * (width - len(cells)))

    def _rows(self) -> Iterator[tuple[int, Cells]]:
        """Yield the rows that hold something, up to their last cell that does."""
        self._sheet.reset_dimensions()  # what a workbook says of them may be wrong
        rows = self._sheet.iter_rows(values_only=True)
        number = 0
        while (cells := self._checked(lambda: next(rows, None))) is not None:
            number += 1
            last = max((place for place, value in enumerate(cells, 1) if value not in (None, "")), default=0)
            if last:
                yield number, cells[:last]

    def _choose(self, book: Any, wanted: str | None) -> Any:
        names = [sheet.title for sheet in book.worksheets]
        if wanted is not None:
            if wanted not in names:
                close = nearest(wanted, names)
                hint = f"did you mean {close!r}? " if close else ""
                raise UserError(f"{self.where}: no sheet {wanted!r}; {hint}There are {_listed(names)}")
            return book[wanted]
        filled = []
        for sheet in book.worksheets:
            self._sheet = sheet
            if sheet.sheet_state == "visible" and next(self._rows(), None) is not None:
                filled.append(sheet)
        if len(filled) > 1:
            titles = _listed(sheet.title for sheet in filled)
            raise UserError(
                f"{self.where}: {len(filled)} sheets hold something ({titles}); set prepare.csv.sheet (or "
                "--sheet) to one of them"
            )
        if not filled:
            raise UserError(f"{self.where}: empty; a table has a header and rows")
        return filled[0]

    def _checked(self, read: Callable[[], Item]) -> Item:
        try:
            return read()
        except Exception as error:  # whatever broken XML gives rise to in openpyxl
            message = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{self.where}: not an Excel workbook, or a broken one ({message})") from None


def _refuse_old(stream: BinaryIO, where: str) -> None:
    if stream.read(len(_OLD)) == _OLD:
        if _ENCRYPTED in stream.read():
            raise UserError(f"{where}: an encrypted workbook; save it without a password")
        raise UserError(f"{where}: an old workbook (.xls); save it as .xlsx")
    stream.seek(0)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
