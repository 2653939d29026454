"""The worst mistakes, with the pictures or the values of their rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reprise.foundation.errors import UserError
from reprise.prepared.names import NUMBER_COLUMNS, in_words
from reprise.prepared.shards import Arrays, read_split
from reprise.report.pictures import data_uri
from reprise.report.raw_values import raw_columns, told_row
from reprise.report.results import Results
from reprise.report.wording import MINUS, percent

PICTURES, ROWS = 24, 20  # the mistakes that are shown
COLUMNS = 12  # of a table's row


class Mistake(NamedTuple):
    """A test row that the model got wrong, or by how much."""

    name: str
    actual: str
    predicted: str
    detail: str  # how sure the model was, or how far off
    label_error: bool
    picture: str  # a data: address, or empty
    values: list[str]


class Mistakes(NamedTuple):
    """The worst mistakes.

    Attributes
    ----------
    shown : list of Mistake
    columns : list of str
        Names of `Mistake.values`.
    missing : str
        Why there are neither pictures nor values, in a sentence; empty where there are.
    wrong : int or None
        How many rows were wrong altogether; None for a regression.
    pixelated : bool
        Whether pictures are so small that their pixels are drawn as squares.
    """

    shown: list[Mistake]
    columns: list[str]
    missing: str
    wrong: int | None
    pixelated: bool


def worst(results: Results) -> Mistakes:
    """Return the worst mistakes of mistakes.csv."""
    card = results.card
    pictured = card.data.layout == "images"
    listed = results.mistakes[: PICTURES if pictured else ROWS]
    rows, missing = _rows(results)
    place_of = {} if rows is None else {number: place for place, number in enumerate(rows.ids.tolist())}
    columns = raw_columns(card.data) if rows is not None and not pictured else []
    columns = sorted(columns, key=lambda column: _rank(results, column.name))[:COLUMNS]
    white = int(rows.x.max()) if rows is not None and pictured and rows.x.size else 255
    shown = []
    for row in listed:
        place = place_of.get(int(row["row"]))
        picture, values = "", []
        if rows is not None and place is not None:
            picture = data_uri(rows.x[place], white) if pictured else ""
            values = told_row(columns, rows.x[place])
        shown.append(_mistake(row, picture, values))
    wrong, count = None, int(results.details["rows"])
    if card.classes:
        wrong = count - round(results.details["test"]["accuracy"] * count)
    return Mistakes(shown, [column.name for column in columns], missing, wrong, _tiny(results))


def _rows(results: Results) -> tuple[Arrays | None, str]:
    """Return the test split, or None and why it can't be shown."""
    if results.prepared is None:
        return (
            None,
            f"{results.no_prepared}, so rows are named and not shown; {results.places.command} makes it.",
        )
    try:
        rows = read_split(results.places.prepared, results.prepared, "test")
    except UserError as problem:
        return None, f"{problem}."
    if results.card.data.layout == "images" and (rows.x.ndim != 4 or rows.x.dtype != np.uint8):
        return None, "The rows are no pictures of bytes, so they are named and not shown."
    return rows, ""


def _rank(results: Results, column: str) -> int:
    """Return a column's place by importance; those that have none stand behind, in their own order."""
    order = [row["column"] for row in results.plots.get("importance", [])]
    return order.index(column) if column in order else len(order)


def _tiny(results: Results) -> bool:
    return results.card.data.layout == "images" and max(results.card.data.shape[1:]) <= 64


def _mistake(row: dict[str, str], picture: str, values: list[str]) -> Mistake:
    if "residual" in row:
        off = float(row["residual"])
        texts = (
            _value(row["actual"]),
            _value(row["predicted"]),
            f"{'+' * (off > 0)}{_value(row['residual'])}",
        )
    else:
        sure = row.get("probability_of_predicted") or ""
        texts = (row["actual"], row["predicted"], f"{percent(float(sure))} %" if sure else "")
    return Mistake(_name(row), *texts, row.get("label_error") == "true", picture, values)


def _value(text: str) -> str:
    return f"{float(text):.6g}".replace("-", MINUS, 1)


def _name(row: dict[str, str]) -> str:
    """Return what a person finds the row by, as mistakes.csv has it (see `reprise.prepared.names`)."""
    for unit, column in NUMBER_COLUMNS.items():
        if row.get(column):
            return in_words(row.get("file"), unit, row[column], "id", row.get("id") or "")
    return row.get("path") or row.get("id") or f"row {row['row']}"
