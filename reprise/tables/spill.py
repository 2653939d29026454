"""Parsed columns on disk: read by column to fit the encoder and by block to encode, without parsing again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.prepared.packed import PackedTexts
from reprise.tables.values import text_hash

ITEM = 8  # bytes of a value
_VALUES: dict[str, type[np.generic]] = {"O": np.uint64, "S": np.int64}  # of texts: hashes or lengths


class _Block(NamedTuple):
    position: int
    rows: int
    texts: dict[int, int]  # column of texts: the position of its lengths, which the texts follow
    packed: dict[
        int, tuple[int, int]
    ]  # column of packed texts: where their bytes stand, and how many there are


class Spill:
    """Rows of 8-byte values in a file without a name, which vanishes with the process, however it ends.

    Texts are kept beside their hashes, which are the values of their column; of packed texts, which nobody
    compares, the values are their lengths in bytes.

    Parameters
    ----------
    folder : Path
        The disk to write to; the system's temporary folder may be memory.
    dtypes : sequence of NumPy types
        One for each column; object for texts, bytes for `PackedTexts`.
    """

    def __init__(self, folder: Path, dtypes: Sequence[Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._of_texts = [np.dtype(dtype) == np.object_ for dtype in dtypes]
        self._dtypes = [np.dtype(_VALUES.get(np.dtype(dtype).kind, dtype)) for dtype in dtypes]
        self._blocks: list[_Block] = []
        self._end = 0

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def add(self, columns: Sequence[NDArray[Any] | PackedTexts]) -> None:
        """Append rows: one array (rows,), or packed texts, for each column."""
        self._file.seek(self._end)
        block = _Block(self._end, _count(columns[0]), {}, {})
        for column, dtype, of_texts in zip(columns, self._dtypes, self._of_texts, strict=True):
            if isinstance(column, PackedTexts):
                values: Any = column.lengths
            else:
                values = [text_hash(text) if text else 0 for text in column] if of_texts else column
            self._file.write(np.ascontiguousarray(values, dtype).data)
        for number, column in enumerate(columns):
            if isinstance(column, PackedTexts):
                block.packed[number] = self._file.tell(), len(column.data)
                self._file.write(column.data.data)
            elif self._of_texts[number]:
                block.texts[number] = self._file.tell()
                encoded = [text.encode() for text in column]
                self._file.write(np.array([len(text) for text in encoded], np.int64).data)
                self._file.write(b"".join(encoded))
        self._blocks.append(block)
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

    def packed(self, number: int) -> PackedTexts:
        """Return a column of packed texts."""
        lengths = self.column(number)
        data = np.empty(int(lengths.sum()), np.uint8)
        start = 0
        for block in self._blocks:
            position, size = block.packed[number]
            self._read(position, data[start : start + size])
            start += size
        return PackedTexts.cut(data, lengths)

    def blocks(self) -> Iterator[list[Any]]:
        """Yield the rows in the order and the portions in which they were added, as the columns that were."""
        for block in self._blocks:
            columns: list[Any] = [np.empty(block.rows, dtype) for dtype in self._dtypes]
            for number, values in enumerate(columns):
                self._read(block.position + number * block.rows * ITEM, values)
            for number in block.texts:
                columns[number] = self._texts(block, number)
            for number, (position, size) in block.packed.items():
                data = np.empty(size, np.uint8)
                self._read(position, data)
                columns[number] = PackedTexts.cut(data, columns[number])
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


def _count(column: NDArray[Any] | PackedTexts) -> int:
    """Return the number of a column's rows."""
    return len(column.ends if isinstance(column, PackedTexts) else column)
