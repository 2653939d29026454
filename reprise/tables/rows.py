"""Opening a table of any format for one pass over its rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from reprise.tables.compressed import opened
from reprise.tables.delimited import SHOWN, CsvTable
from reprise.tables.dialect import Dialect, Settings
from reprise.tables.formats import format_of
from reprise.tables.json_lines import JsonLinesTable
from reprise.tables.parse import Column

__all__ = ["BLOCK_BYTES", "SHOWN", "Chunk", "Table", "open_table"]
BLOCK_BYTES = 2**22


class Chunk(Protocol):
    """Consecutive rows of a table, not yet parsed.

    Attributes
    ----------
    lines : array (rows,) of int64
        The number of each row in the file, from 1: of its first line, or of the row (``dialect.unit``).
    dialect : Dialect
    """

    lines: NDArray[np.int64]
    dialect: Dialect

    def __len__(self) -> int: ...

    def read(self, numeric: Collection[str] = (), text: Collection[str] = ()) -> dict[str, Column]:
        """Parse columns by name.

        Parameters
        ----------
        numeric : collection of str
            Columns to read as float64 with NaN for missing. Where a column holds anything but plain
            finite numbers it comes as `Cells`.
        text : collection of str
            Columns to read as `Cells`.
        """


class Table(Protocol):
    """A table that is open for one pass (see `open_table`).

    Attributes
    ----------
    where : str
        The file's name in messages.
    dialect : Dialect
    names : tuple of str
        The columns: unique; ``column_3`` where there is no name.
    """

    where: str
    dialect: Dialect
    names: tuple[str, ...]

    def sample(self) -> Chunk:
        """Return the first rows; they come again from `chunks`."""

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows in order, once.

        Raises
        ------
        UserError
            Names the line or row of what can't be read.
        """


@contextmanager
def open_table(
    source: Path | BinaryIO,
    settings: Settings,
    *,
    where: str | None = None,
    whole: bool = False,
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Table]:
    """Open a table for one pass.

    Parameters
    ----------
    source : Path or binary file
        A file, whose ending tells its format, or a stream of CSV such as standard input.
    settings : Settings
        What is known of how it is written.
    where : str, optional
        Its name in messages; the path by default.
    whole : bool
        Read a CSV file to its end once to find its encoding; otherwise its first 256 KiB decide.
    block_bytes : int
        Bytes of a CSV file read at a time; the rows of a chunk depend on it, what they hold does not.

    Raises
    ------
    UserError
        If there is no such file or it is not a table.
    """
    if not isinstance(source, Path):
        yield CsvTable(source, where or "standard input", settings, False, block_bytes)
        return
    where = where or str(source)
    kind, compression = format_of(source, where)
    with opened(source, compression, where) as stream:
        if kind == "csv":
            yield CsvTable(stream, where, settings, whole, block_bytes)
        elif kind == "json":
            yield JsonLinesTable(stream, where)
        elif kind == "parquet":
            from reprise.tables.parquet import ParquetTable  # pyarrow: only who has such a file waits for it

            yield ParquetTable(stream, where)
        else:
            from reprise.tables.excel import ExcelTable  # openpyxl, likewise

            yield ExcelTable(stream, where, settings)
