"""Prepared rows of a table as a person knows them: the values that the features were made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.prepared.schema import Schema

if TYPE_CHECKING:
    from reprise.tables.codes import Category, Code, Number
    from reprise.tables.dates import Date

Row = NDArray[np.float32]  # (features,)
MISSING, UNSEEN = "missing", "(not seen in training)"


class RawColumn(NamedTuple):
    """A column and how its value is told from a row's features."""

    name: str
    told: Callable[[Row], str]


def raw_columns(schema: Schema) -> list[RawColumn]:
    """Return the columns of a table whose values its features still tell.

    A file's columns are told from the encoder that made features of them; other tables have columns that are
    features. Texts and hashed categories can't be told again, so they are left out.
    """
    if schema.encoder is None:
        return list(_features(schema))
    from reprise.tables.encoder import Encoder  # loads pandas

    columns, start = [], 0
    for code in Encoder.from_json(schema.encoder).columns:
        end = start + len(code.features)
        told = _told(code)
        if told is not None:
            columns.append(RawColumn(code.name, _of_part(told, start, end)))
        start = end
    return columns


def _features(schema: Schema) -> Iterator[RawColumn]:
    width = len(schema.columns)
    inputs = schema.inputs
    mean = _each(inputs.mean if inputs else (0.0,), width)
    std = _each(inputs.std if inputs else (1.0,), width)
    for place, name in enumerate(schema.columns):
        yield RawColumn(name, _of_part(_scaled(mean[place], std[place]), place, place + 1))


def _each(values: Sequence[float], width: int) -> Sequence[float]:
    return values if len(values) == width else [values[0]] * width


def _of_part(told: Callable[[Row], str], start: int, end: int) -> Callable[[Row], str]:
    return lambda row: told(row[start:end])


def _scaled(mean: float, std: float) -> Callable[[Row], str]:
    return lambda part: _text(float(part[0]) * std + mean)


def _text(value: float) -> str:
    """Return a value that went through 32 bits: six digits are what can be told."""
    return f"{value:.6g}" if abs(value) > 1e-6 else "0"


def _told(code: Code) -> Callable[[Row], str] | None:
    if code.kind in ("numeric", "boolean"):
        return lambda part: _number(code, part)
    if code.kind == "date":
        return lambda part: _date(code, part)
    if code.kind == "categorical" and code.code == "one_hot":
        return lambda part: _category(code, part)
    if code.kind == "presence" and code.missing:
        return lambda part: MISSING if part[0] else "there"
    return None


def _number(code: Number, part: Row) -> str:
    if code.missing and part[1]:
        return MISSING
    value = float(part[0]) * code.std + code.mean
    if code.kind == "boolean":
        return "yes" if value > 0.5 else "no"
    return _text(value)


def _date(code: Date, part: Row) -> str:
    if code.missing and part[-1]:
        return MISSING
    from reprise.tables.dates import EPOCH

    days = float(part[0]) * code.std + code.mean + code.start
    day = np.datetime64(round(days if not code.hours else int(days + 1e-3)) - EPOCH, "D")
    return str(day)


def _category(code: Category, part: Row) -> str:
    if code.missing and part[-1]:
        return MISSING
    place = int(np.argmax(part[: len(code.categories) + 1]))
    return code.categories[place] if place < len(code.categories) else UNSEEN


def told_row(columns: Sequence[RawColumn], row: NDArray[Any]) -> list[str]:
    """Return the texts of a row's columns."""
    return [column.told(row) for column in columns]
