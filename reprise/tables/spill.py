"""Parsed columns on disk: read by column to fit the encoder and by block to encode, without parsing again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ITEM = 8  # bytes of a value


class Spill:
    """Rows of 8-byte values in a file without a name, which vanishes with the process, however it ends.

    Parameters
    ----------
    folder : Path
        The disk to write to; the system's temporary folder may be memory.
    dtypes : sequence of NumPy types
        One for each column.
    """

    def __init__(self, folder: Path, dtypes: Sequence[Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed by `close`)
        self._dtypes = [np.dtype(dtype) for dtype in dtypes]
        self._blocks: list[tuple[int, int]] = []  # position and rows
        self._end = 0

    def close(self) -> None:
        """Give the disk space back."""
        self._file.close()

    def add(self, columns: Sequence[NDArray[Any]]) -> None:
        """Append rows: one array (rows,) for each column."""
        self._file.seek(self._end)
        for column, dtype in zip(columns, self._dtypes, strict=True):
            self._file.write(np.ascontiguousarray(column, dtype).data)
        self._blocks.append((self._end, len(columns[0])))
        self._end = self._file.tell()

    def column(self, number: int) -> NDArray[Any]:
        """Return a column's values, shape (all rows,)."""
        values = np.empty(sum(rows for _, rows in self._blocks), self._dtypes[number])
        start = 0
        for position, rows in self._blocks:
            self._read(position + number * rows * ITEM, values[start : start + rows])
            start += rows
        return values

    def blocks(self) -> Iterator[list[NDArray[Any]]]:
        """Yield the rows in the order and the portions in which they were added, as columns."""
        for position, rows in self._blocks:
            columns = [np.empty(rows, dtype) for dtype in self._dtypes]
            for number, values in enumerate(columns):
                self._read(position + number * rows * ITEM, values)
            yield columns

    def _read(self, position: int, into: NDArray[Any]) -> None:
        self._file.seek(position)
        self._file.readinto(into.data)
