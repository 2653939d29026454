"""Parsed columns on disk: read by column to fit the encoder and by block to encode, without parsing again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.tables.values import text_hash

ITEM = 8  # bytes of a value


class _Block(NamedTuple):
    position: int
    rows: int
    texts: dict[int, int]  # column of texts: the position of its lengths, which the texts follow


class Spill:
    """Rows of 8-byte values in a file without a name, which vanishes with the process, however it ends.

    Texts are kept beside their hashes, which are the values of their column.

    Parameters
    ----------
    folder : Path
        The disk to write to; the system's temporary folder may be memory.
    dtypes : sequence of NumPy types
        One for each column; object for texts.
    """

    def __init__(self, folder: Path, dtypes: Sequence[Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._of_texts = [np.dtype(dtype) == np.object_ for dtype in dtypes]
        self._dtypes = [np.dtype(np.uint64 if np.dtype(d) == np.object_ else d) for d in dtypes]
        self._blocks: list[_Block] = []
        self._end = 0

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def add(self, columns: Sequence[NDArray[Any]]) -> None:
        """Append rows: one array (rows,) for each column."""
        self._file.seek(self._end)
        position, texts = self._end, {}
        for column, dtype, of_texts in zip(columns, self._dtypes, self._of_texts, strict=True):
            values = [text_hash(text) if text else 0 for text in column] if of_texts else column
            self._file.write(np.ascontiguousarray(values, dtype).data)
        for number in np.flatnonzero(self._of_texts).tolist():
            texts[number] = self._file.tell()
            encoded = [text.encode() for text in columns[number]]
            self._file.write(np.array([len(text) for text in encoded], np.int64).data)
            self._file.write(b"".join(encoded))
        self._blocks.append(_Block(position, len(columns[0]), texts))
        self._end = self._file.tell()

    def column(self, number: int) -> NDArray[Any]:
        """Return a column's values, shape (all rows,)."""
        values = np.empty(sum(block.rows for block in self._blocks), self._dtypes[number])
        start = 0
        for block in self._blocks:
            self._read(block.position + number * block.rows * ITEM, values[start : start + block.rows])
            start += block.rows
        return values

    def texts(self, number: int) -> Iterator[NDArray[Any]]:
        """Yield a column's texts, shape (rows of a portion,)."""
        for block in self._blocks:
            yield self._texts(block, number)

    def blocks(self) -> Iterator[list[NDArray[Any]]]:
        """Yield the rows in the order and the portions in which they were added, as columns."""
        for block in self._blocks:
            columns = [np.empty(block.rows, dtype) for dtype in self._dtypes]
            for number, values in enumerate(columns):
                self._read(block.position + number * block.rows * ITEM, values)
            for number in block.texts:
                columns[number] = self._texts(block, number)
            yield columns

    def _texts(self, block: _Block, number: int) -> NDArray[Any]:
        lengths = np.empty(block.rows, np.int64)
        self._read(block.texts[number], lengths)
        texts = np.empty(block.rows, np.object_)
        for row, length in enumerate(lengths.tolist()):
            texts[row] = self._file.read(length).decode()
        return texts

    def _read(self, position: int, into: NDArray[Any]) -> None:
        self._file.seek(position)
        self._file.readinto(into.data)
