"""Reading a CSV file piece by piece, with the line number of every row; memory stays flat."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.dialect import (
    HEAD_BYTES,
    HEAD_RECORDS,
    Dialect,
    Settings,
    find_decimal,
    find_encoding,
    find_header,
    find_separator,
    refuse_other_formats,
)
from reprise.tables.names import column_names
from reprise.tables.parse import Cells, Column, parse, texts_of
from reprise.tables.text import RECORD_BYTES, Piece, pieces, utf8_blocks

SHOWN = 5  # problems of one kind that are listed


class CsvChunk:
    """Consecutive rows, not yet parsed (see `reprise.tables.rows.Chunk`)."""

    def __init__(self, piece: Piece, names: tuple[str, ...], dialect: Dialect, texts: set[str]) -> None:
        self.lines: NDArray[np.int64] = piece.lines
        self.dialect = dialect
        self._data = piece.data
        self._names = names
        self._texts = texts  # columns that held text before; shared by the chunks of a table

    def __len__(self) -> int:
        return len(self.lines)

    def read(self, numeric: Collection[str] = (), text: Collection[str] = ()) -> dict[str, Column]:
        """Parse columns by name; a column of `numeric` with other cells comes with numbers as written."""
        if len(self) == 0:
            return {name: Cells(np.zeros(0, np.int64), ()) for name in (*numeric, *text)}
        number_of = {name: number for number, name in enumerate(self._names)}
        fast = [number_of[name] for name in numeric if name not in self._texts]
        slow = [number_of[name] for name in (*text, *(name for name in numeric if name in self._texts))]
        columns = parse(self._data, self.dialect, len(self._names), fast, slow)
        self._texts.update(self._names[n] for n in fast if isinstance(columns[n], Cells))
        return {self._names[number]: column for number, column in columns.items()}


class CsvTable:
    """A CSV stream that is open for one pass (see `reprise.tables.rows.Table`).

    Parameters
    ----------
    stream : binary file
    where : str
        Its name in messages.
    settings : Settings
        What is known of how it is written.
    whole : bool
        Read it to its end once to find its encoding; otherwise its first 256 KiB decide.
    block_bytes : int
        Bytes read at a time.
    """

    def __init__(
        self, stream: BinaryIO, where: str, settings: Settings, whole: bool, block_bytes: int
    ) -> None:
        self.where = where
        head = stream.read(HEAD_BYTES)
        refuse_other_formats(head, where)
        encoding = find_encoding(head, stream if whole else None, settings.encoding, where)
        if whole:
            stream.seek(len(head))
        raw = chain([head], iter(lambda: stream.read(block_bytes), b""))
        text, blocks = _peek(utf8_blocks(raw, encoding, where))
        separator = find_separator(text, settings.separator)
        self._pieces = pieces(blocks, separator, where)
        first = next(self._pieces, None)
        if first is None:
            raise UserError(f"{where}: empty; a table has a header and rows")
        self._texts: set[str] = set()
        self._open(first, Dialect(encoding, separator, ".", True), settings)

    def _open(self, first: Piece, dialect: Dialect, settings: Settings) -> None:
        """Find the names, the decimal mark and the sample from the first piece."""
        width = int(first.fields[0])
        top = first.part(0, HEAD_RECORDS)
        top = top.only(top.fields == width)
        columns = parse(top.data, dialect, width, (), range(width), missing=())
        texts = [texts_of(columns[number]) for number in range(width)]
        opening = [column[0] for column in texts]
        decimal = find_decimal(texts, settings.decimal)
        header = find_header(opening, settings, decimal)
        self.dialect = dialect._replace(decimal=decimal, header=header)
        self.names = column_names(opening, header)
        self._first = first.part(int(header), len(first.ends))
        self._sample = top.part(int(header), len(top.ends))

    def sample(self) -> CsvChunk:
        """Return the first rows; they come again from `chunks`."""
        return CsvChunk(self._sample, self.names, self.dialect, set())

    def chunks(self) -> Iterator[CsvChunk]:
        """Yield the rows in order, once.

        Raises
        ------
        UserError
            Names the lines of records with too many or too few fields, of a quote that never closes, of
            bytes that are not text.
        """
        for piece in chain([self._first], self._pieces):
            wrong = np.flatnonzero(piece.fields != len(self.names))
            if len(wrong):
                raise UserError(*(self._ragged(piece, number) for number in wrong[:SHOWN].tolist()))
            yield CsvChunk(piece, self.names, self.dialect, self._texts)

    def _ragged(self, piece: Piece, number: int) -> str:
        first = "header" if self.dialect.header else "first row"
        return (
            f"{self.where}: line {piece.lines[number]}: {piece.fields[number]} field(s), but the {first} has "
            f"{len(self.names)}; quote a cell that holds {self.dialect.separator!r}, or add what is missing"
        )


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return the first two lines or more, and all blocks."""
    text = b""
    for block in blocks:
        text += block
        if text.count(b"\n") > 1 or len(text) > RECORD_BYTES:
            break
    return text, chain([text] if text else [], blocks)
