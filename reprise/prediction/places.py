"""Where the rows of new tables stand: the file, and the line or row in it, in the words of mistakes.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from reprise.prediction.blocks import Place
from reprise.prepared.names import NUMBER_COLUMNS, Unit
from reprise.tables.files import TableFile
from reprise.tables.formats import Kind, format_of

_UNITS: dict[Kind, Unit] = {"csv": "line", "json": "line", "parquet": "row", "excel": "row"}


class Places:
    """The places of the rows of some files.

    Parameters
    ----------
    files : sequence of TableFile

    Attributes
    ----------
    columns : tuple of str
        What a place consists of: file, if there are several, and line or file_row, or both.
    """

    def __init__(self, files: Sequence[TableFile]) -> None:
        self._unit_of = {file.path: _UNITS[format_of(file.path, str(file.path)).kind] for file in files}
        self._several = len(files) > 1
        units = set(self._unit_of.values())
        numbers = (column for unit, column in NUMBER_COLUMNS.items() if unit in units)
        self.columns = (*["file"] * self._several, *numbers)

    def of(self, file: TableFile, lines: NDArray[np.int64]) -> list[Place]:
        """Return the places of rows of a file by their numbers (rows,) there."""
        cells: dict[str, Iterable[str | int | None]] = {name: repeat(None) for name in self.columns}
        if self._several:
            cells["file"] = repeat(file.name)
        cells[NUMBER_COLUMNS[self._unit_of[file.path]]] = lines.tolist()
        return list(zip(*cells.values(), strict=False))  # as long as the numbers are
