"""Parsing records with pandas' C parser, which reads a number to the nearest float64 (from pandas 3.1 on)."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reprise.tables.dialect import Dialect
from reprise.tables.values import MISSING_SPELLINGS


class Cells(NamedTuple):
    """A column of texts, each stored once."""

    codes: NDArray[np.integer]  # (rows,): index into `texts`; -1: missing
    texts: tuple[str, ...]


Column: TypeAlias = NDArray[np.float64] | Cells  # numbers with NaN for missing, or texts


def cells(texts: Sequence[str | None]) -> Cells:
    """Return texts, None for missing, as a column."""
    known = {text: number for number, text in enumerate(dict.fromkeys(t for t in texts if t is not None))}
    codes = [-1 if text is None else known[text] for text in texts]
    return Cells(np.array(codes, np.int64), tuple(known))


def texts_of(column: Column) -> list[str]:
    """Return one text for each row, empty for missing."""
    if not isinstance(column, Cells):
        return [repr(value) for value in column.tolist()]
    return [column.texts[code] if code >= 0 else "" for code in column.codes.tolist()]


def parse(
    data: bytes,
    dialect: Dialect,
    width: int,
    numeric: Collection[int],
    text: Collection[int],
    missing: Sequence[str] = MISSING_SPELLINGS,
) -> dict[int, Column]:
    """Parse some columns of whole records.

    Parameters
    ----------
    data : bytes
        UTF-8 with LF line ends, `width` fields in every record.
    dialect : Dialect
    width : int
    numeric, text : collections of int
        Columns, counted from 0, to read as numbers and as texts. A column of `numeric` with anything
        in it that is not a plain finite number comes as `Cells` all the same.
    missing : sequence of str
        Cells to read as missing.
    """
    as_text = set(text)
    columns: dict[int, Column] = {}
    if numeric:
        try:
            frame = _read(data, dialect, width, {*numeric, *as_text}, as_text, missing)
            columns = {n: _cells(frame[n]) for n in as_text}
            columns |= {n: values for n in numeric if (values := _numbers(frame[n])) is not None}
        except (ValueError, OverflowError):  # an integer of thousands of digits
            columns = {}
        as_text = {*numeric, *as_text} - columns.keys()
    if as_text:
        frame = _read(data, dialect, width, as_text, as_text, missing)
        columns |= {n: _cells(frame[n]) for n in as_text}
    return columns


def _read(
    data: bytes, dialect: Dialect, width: int, columns: set[int], as_text: set[int], missing: Sequence[str]
) -> pd.DataFrame:
    return pd.read_csv(
        io.BytesIO(data),
        sep=dialect.separator,
        decimal=dialect.decimal,
        header=None,
        names=list(range(width)),
        usecols=sorted(columns),
        index_col=False,
        dtype=dict.fromkeys(sorted(as_text), object),
        keep_default_na=False,
        na_values=list(missing),
        skipinitialspace=True,
        skip_blank_lines=False,
        low_memory=False,
        lineterminator="\n",
        engine="c",
    )


def _cells(column: pd.Series) -> Cells:
    codes, texts = pd.factorize(column.to_numpy())
    return Cells(codes, tuple(texts.tolist()))


def _numbers(column: pd.Series) -> NDArray[np.float64] | None:
    """Return a column's numbers, or None when pandas did not find finite numbers alone."""
    if column.dtype.kind not in "iuf":
        return None
    values = column.to_numpy(np.float64)
    return None if np.isinf(values).any() else values
