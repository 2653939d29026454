"""Reading Parquet files, a part of a row group at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.dialect import HEAD_RECORDS, NATIVE, Dialect
from reprise.tables.names import column_names
from reprise.tables.native import text_of
from reprise.tables.parse import Cells, Column

ROWS_AT_ONCE = 2**16
_SINGLE = (
    pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_string,
    pa.types.is_large_string, pa.types.is_string_view, pa.types.is_date, pa.types.is_time,
    pa.types.is_timestamp, pa.types.is_null,
)  # fmt: skip


class ParquetTable:
    """A Parquet file that is open for one pass (see `reprise.tables.rows.Table`)."""

    dialect: Dialect = NATIVE

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.where = where
        try:
            # Threads would change no value; without them the memory is that of one reader.
            self._file = pq.ParquetFile(stream, pre_buffer=False)
            names = self._file.schema_arrow.names
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last from names that are none
            raise self._broken(error) from None
        self.names = column_names(names, header=True)
        if not self.names:
            raise UserError(f"{where}: a Parquet file without columns")

    def sample(self) -> ParquetChunk:
        """Return the first rows; they come again from `chunks`."""
        nothing = pa.RecordBatch.from_pylist([], schema=self._file.schema_arrow)
        first = next(self.chunks(), None) or ParquetChunk(nothing, self.names, 1, self.where)
        return first.part(HEAD_RECORDS)

    def chunks(self) -> Iterator[ParquetChunk]:
        """Yield the rows in order."""
        batches = self._file.iter_batches(ROWS_AT_ONCE, use_threads=False)
        number = 1
        while (batch := self._next(batches)) is not None:
            yield ParquetChunk(batch, self.names, number, self.where)
            number += batch.num_rows

    def _next(self, batches: Iterator[Any]) -> Any:
        try:
            return next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(error) from None

    def _broken(self, error: Exception) -> UserError:
        message = " ".join(str(error).split())[:200]
        return UserError(f"{self.where}: not a Parquet file, or a broken one ({message})")


class ParquetChunk:
    """Consecutive rows (see `reprise.tables.rows.Chunk`); a column is converted when it is read."""

    dialect: Dialect = NATIVE

    def __init__(self, batch: Any, names: tuple[str, ...], first: int, where: str) -> None:
        self.lines: NDArray[np.int64] = np.arange(first, first + batch.num_rows)
        self._batch, self._names, self._first, self._where = batch, names, first, where

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, rows: int) -> ParquetChunk:
        """Return the first rows."""
        return ParquetChunk(self._batch.slice(0, rows), self._names, self._first, self._where)

    def read(self, numeric: Collection[str] = (), text: Collection[str] = ()) -> dict[str, Column]:
        """Return columns by name."""
        return {name: self._column(name, name in numeric) for name in (*numeric, *text)}

    def _column(self, name: str, numeric: bool) -> Column:
        array = self._batch.column(self._names.index(name))
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if not any(is_kind(array.type) for is_kind in _SINGLE):
            raise UserError(
                f"{self._where}: column {name!r}: holds {array.type}, but a cell is a text, a number, true "
                "or false, or a time; write it as such, or list it in prepare.csv.drop"
            )
        try:
            numbers = _numbers(array) if numeric else None
            return _cells(array) if numbers is None else numbers
        except (pa.ArrowException, ValueError, OverflowError) as error:
            message = " ".join(str(error).split())[:200]
            raise UserError(f"{self._where}: column {name!r}: can't be read ({message})") from None


def _numbers(array: Any) -> NDArray[np.float64] | None:
    """Return an array of numbers as float64 with NaN for null; None for anything but finite numbers."""
    if not (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)):
        return None  # decimals too: their texts are read to the nearest float64
    values: NDArray[np.float64] = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return None if np.isinf(values).any() else values


def _cells(array: Any) -> Cells:
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    elif pa.types.is_timestamp(array.type):
        # Without its zone a time is the UTC clock's: zones' rules would come from the machine.
        array = array.cast(pa.timestamp("us"), safe=False)
    if pa.types.is_null(array.type):
        return Cells(np.full(len(array), -1, np.int64), ())
    coded = array.dictionary_encode()
    texts = [text_of(value) for value in coded.dictionary.to_pylist()]
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Cells(codes, tuple(text if text is not None else "" for text in texts))
