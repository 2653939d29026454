"""Values of formats that have types, such as JSON, as the cells of the equivalent CSV file.

Types of columns, missing values and codes follow from cells alone, so that a table gives the same features
in whatever format it comes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.dialect import Dialect
from reprise.tables.parse import Cells, Column, cells

ALLOWED = "a text, a number, true, false or null"
_NAMES: dict[type[object], str] = {list: "a list", dict: "an object"}


def text_of(value: object) -> str | None:
    """Return a value as it would stand in a CSV file; None for a missing one.

    A time with a zone is written in UTC.

    Raises
    ------
    TypeError
        If it is no single value, such as a list.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isprintable() else _as_read(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value).isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(_NAMES.get(type(value), f"a value of the type {type(value).__name__}"))


def _as_read(text: str) -> str:
    """Return a text as it is read from a CSV file: with LF line ends and without byte order marks."""
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def texts_column(values: Sequence[object]) -> Cells:
    """Return values as a column of texts."""
    return cells([text_of(value) for value in values])


def numbers_column(values: Sequence[Any]) -> Column:
    """Return values as float64 with NaN for missing, or as texts where one is no finite number."""
    if all(value is None or type(value) in (int, float) for value in values):
        try:
            numbers = np.array([math.nan if value is None else float(value) for value in values], np.float64)
        except OverflowError:  # an integer of hundreds of digits: told like any other text
            numbers = np.array([math.inf])
        if not np.isinf(numbers).any():
            return numbers
    return texts_column(values)


class RecordsChunk:
    """Consecutive rows of native values (see `reprise.tables.rows.Chunk`).

    Parameters
    ----------
    lines : sequence of int
    columns : mapping
        The values of each row by the column's name.
    dialect : Dialect
    where : str
        The file's name in messages.
    """

    def __init__(
        self, lines: Sequence[int], columns: Mapping[str, Sequence[Any]], dialect: Dialect, where: str
    ) -> None:
        self.lines: NDArray[np.int64] = np.array(lines, np.int64)
        self.dialect = dialect
        self._columns, self._where = columns, where

    def __len__(self) -> int:
        return len(self.lines)

    def read(self, numeric: Collection[str] = (), text: Collection[str] = ()) -> dict[str, Column]:
        """Return columns by name."""
        read: dict[str, Column] = {}
        for convert, names in ((numbers_column, numeric), (texts_column, text)):
            for name in names:
                try:
                    read[name] = convert(self._columns[name])
                except TypeError:
                    raise UserError(next(self._refused(name))) from None
        return read

    def _refused(self, name: str) -> Iterator[str]:
        for line, value in zip(self.lines.tolist(), self._columns[name], strict=True):
            try:
                text_of(value)
            except TypeError as error:
                yield (
                    f"{self._where}: {self.dialect.unit} {line}: column {name!r}: must be {ALLOWED}; "
                    f"found {error}"
                )
