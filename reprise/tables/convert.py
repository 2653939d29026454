"""From the cells of a column to one value per row.

Numbers, booleans (1, 0) and dates (hours, see `values.hours`) become float64 with NaN for missing;
categories become the uint64 hash of their text with 0 for missing; texts stay, empty for missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.tables.parse import Cells, Column
from reprise.tables.types import Type
from reprise.tables.values import boolean, hours, is_missing, number, text_hash

HASHED = ("categorical", "presence")
EXPECTED = {"numeric": "a number", "boolean": "true or false", "date": "a date"}


class Converted(NamedTuple):
    """A column's values and the cells that have none."""

    values: NDArray[Any]  # (rows,) of float64, uint64 or str objects
    misfits: list[tuple[int, str]]  # row and text of cells that are not what the column holds


def dtype_of(kind: Type) -> type[np.float64] | type[np.uint64] | type[np.object_]:
    """Return the NumPy type of a column's values."""
    if kind.kind == "text":
        return np.object_
    return np.uint64 if kind.kind in HASHED else np.float64


def convert(column: Column, kind: Type, decimal: str) -> Converted:
    """Return a column's values; a cell that does not fit counts as missing and is named."""
    if kind.kind == "empty":
        rows = len(column.codes) if isinstance(column, Cells) else len(column)
        return Converted(np.full(rows, np.nan), [])
    if not isinstance(column, Cells):
        if kind.kind != "numeric":
            raise TypeError(f"a {kind.kind} column is converted from its texts")
        return Converted(
            column + 0.0, []
        )  # -0.0 becomes 0.0: which of them a median is would depend on sorting
    texts = [text.strip() for text in column.texts]
    if kind.kind == "text":
        present = np.array([*("" if is_missing(text) else text for text in texts), ""], np.object_)
        return Converted(present[column.codes], [])
    if kind.kind in HASHED:
        hashes = np.array([*(0 if is_missing(t) else text_hash(t) for t in texts), 0], np.uint64)
        return Converted(hashes[column.codes], [])  # the code -1 takes the last one: missing
    meaning = _meaning(kind, decimal)
    found = [np.nan if is_missing(text) else meaning(text) for text in texts]
    values = np.array([*(np.nan if value is None else value + 0.0 for value in found), np.nan])
    wrong = [code for code, value in enumerate(found) if value is None]
    rows_of_misfits = np.flatnonzero(np.isin(column.codes, wrong)) if wrong else np.zeros(0, np.int64)
    misfits = [(row, texts[column.codes[row]]) for row in rows_of_misfits.tolist()]
    return Converted(values[column.codes], misfits)


def words(values: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a column's values (see `convert`) as 64-bit words, equal where the values are or are missing."""
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values)  # one NaN of many
    return values.view(np.uint64)


def _meaning(kind: Type, decimal: str) -> Callable[[str], float | None]:
    if kind.kind == "boolean":
        return boolean
    if kind.kind == "date":
        return lambda text: hours(text, kind.form)
    return lambda text: number(text, decimal)


def misfit_line(place: str, name: str, kind: Type, text: str, more: int = 0) -> str:
    """Return the message about a cell, such as that of ``line 7``, that does not fit its column."""
    shown = text if len(text) <= 40 else text[:39] + "…"
    form = f" written {kind.form}" if kind.form else ""
    others = f" ({more} more in this column)" if more else ""
    return f"{place}: column {name!r}: {shown!r} is not {EXPECTED[kind.kind]}{form}{others}"
