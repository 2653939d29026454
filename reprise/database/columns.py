"""Values that a database driver returns as Arrow columns, typed by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from reprise.foundation.errors import UserError
from reprise.tables.native import text_of

# large_string: the offsets of string end at 2 GiB of text.
_TYPES: dict[frozenset[type[Any]], Any] = {
    frozenset({bool}): pa.bool_(),
    frozenset({int}): pa.int64(),
    frozenset({float}): pa.float64(),
    frozenset({int, float}): pa.float64(),
    frozenset({str}): pa.large_string(),
    frozenset({date}): pa.date32(),
    frozenset({time}): pa.time64("us"),
    frozenset({datetime}): pa.timestamp("us"),
}
_DECIMALS = (frozenset({Decimal}), frozenset({Decimal, int}))


def column(name: str, values: Sequence[Any]) -> Any:
    """Return values as an Arrow array: of numbers, booleans or times if all are, else of texts.

    Raises
    ------
    UserError
        If a value is no single value, such as a list.
    """
    kinds = frozenset(type(value) for value in values if value is not None)
    if not kinds:
        return pa.nulls(len(values))
    try:
        if kinds in _DECIMALS:  # precision and scale are those of the longest; a NaN is none
            exact = [None if isinstance(v, Decimal) and v.is_nan() else v for v in values]
            return pa.array([None if v is None else Decimal(v) for v in exact])
        aware = {value.tzinfo is not None for value in values if isinstance(value, datetime | time)}
        if kinds == {datetime} and aware == {True}:
            return pa.array(values, pa.timestamp("us", "UTC"))
        if kinds in _TYPES and True not in aware:
            return pa.array(values, _TYPES[kinds])
    except (pa.ArrowException, OverflowError, TypeError):  # such as 2**63 or an infinite decimal
        pass
    return pa.array(_texts(name, values), pa.large_string())


def _texts(name: str, values: Sequence[Any]) -> list[str | None]:
    try:
        return [text_of(value) for value in values]
    except TypeError as error:
        raise UserError(
            f"column {name!r}: holds {error}, but a cell is a text, a number, true or false, or a time; "
            "cast it in the query or leave it out"
        ) from None
