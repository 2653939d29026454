"""From the bytes of a file to pieces of UTF-8 text that hold whole records."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.dialect import NUL_ADVICE
from reprise.tables.scan import scan

RECORD_BYTES = 2**24  # a longer record is a quote that never closes
BLANKS = b" \t\n"


class Piece(NamedTuple):
    """Consecutive records; blank lines are left out."""

    data: bytes
    ends: NDArray[np.int64]  # (records,): one past each record's line end
    fields: NDArray[np.int64]  # (records,)
    lines: NDArray[np.int64]  # (records,): number of each record's first line in the file, from 1

    def part(self, start: int, stop: int) -> Piece:
        """Return the records from `start` to before `stop`."""
        first = int(self.ends[start - 1]) if start else 0
        ends = self.ends[start:stop]
        last = int(ends[-1]) if len(ends) else first
        return Piece(self.data[first:last], ends - first, self.fields[start:stop], self.lines[start:stop])

    def only(self, keep: NDArray[np.bool_]) -> Piece:
        """Return the records for which `keep` (records,) is True."""
        lengths = np.diff(self.ends, prepend=0)
        data = np.frombuffer(self.data, np.uint8)[np.repeat(keep, lengths)].tobytes()
        return Piece(data, np.cumsum(lengths[keep]), self.fields[keep], self.lines[keep])


def utf8_blocks(raw: Iterable[bytes], encoding: str, where: str) -> Iterator[bytes]:
    """Decode blocks of bytes into UTF-8 with LF line ends; the text ends with one.

    Byte order marks are dropped, also inside the text, where they are invisible.

    Raises
    ------
    UserError
        Names the line of bytes that are not text in this encoding, or of a NUL.
    """
    # The newline decoder also joins a CR and an LF that two blocks cut apart.
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line = 1
    last = b"\n"
    for block in chain_end(raw):
        try:
            text = decoder.decode(block, final=not block)
            data = text.replace("\ufeff", "").encode("utf-8")
        except UnicodeError as error:
            if isinstance(error, UnicodeDecodeError):
                before = bytes(error.object[: error.start]).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                line += before.count(b"\n")
            raise UserError(
                f"{where}: line {line}: bytes that are not {encoding}; set prepare.csv.encoding to the "
                "encoding of the file (utf-8, cp949, latin-1, …)"
            ) from None
        if b"\0" in data:
            line += data[: data.index(b"\0")].count(b"\n")
            raise UserError(f"{where}: line {line}: {NUL_ADVICE}")
        line += data.count(b"\n")
        if data:
            last = data[-1:]
            yield data
    if last != b"\n":
        yield b"\n"


def chain_end(raw: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the blocks that hold something, then an empty one."""
    yield from filter(None, raw)
    yield b""


def pieces(blocks: Iterable[bytes], separator: str, where: str) -> Iterator[Piece]:
    """Cut text where records end.

    Raises
    ------
    UserError
        Names the line where a record starts that does not end.
    """
    pending = b""
    line = 1
    for block in blocks:
        pending += block
        records = scan(pending, separator)
        if len(pending) - records.used > RECORD_BYTES:
            line += records.newlines
            raise UserError(
                f"{where}: line {line}: a row of over {RECORD_BYTES >> 20} MiB; does a quote never close?"
            )
        piece = Piece(pending[: records.used], records.ends, records.fields, records.lines + line)
        piece = _without_blank_lines(piece)
        line += records.newlines
        pending = pending[records.used :]
        if len(piece.ends):
            yield piece
    if pending:
        raise UserError(f"{where}: line {line}: a quote opens a cell and never closes")


def _without_blank_lines(piece: Piece) -> Piece:
    starts = np.concatenate([[0], piece.ends])[:-1]
    symbols = np.frombuffer(piece.data, np.uint8)
    candidates = np.flatnonzero((piece.fields == 1) & np.isin(symbols[starts], list(BLANKS)))
    blank = [n for n in candidates if not piece.data[starts[n] : piece.ends[n]].strip(BLANKS)]
    if not blank:
        return piece
    keep = np.ones(len(piece.ends), np.bool_)
    keep[blank] = False
    return piece.only(keep)
