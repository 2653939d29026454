"""The type of each column: numeric, categorical, boolean or date, inferred from all of its cells.

The rule, for the cells that are not missing: at least 95% numbers → numeric; at least 95% dates of one
form → date; all of one pair such as yes/no → boolean; no cell at all → empty; otherwise categorical. The few
cells that don't fit a numeric or date column are refused by line, because they are most often slips.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal, NamedTuple

import numpy as np

from reprise.tables.parse import Cells, Column
from reprise.tables.values import BOOLEANS, DATES, ONLY_DECLARED, classify

Kind = Literal["numeric", "categorical", "boolean", "date", "text", "presence", "empty"]
Tally = Counter[str]  # class of a cell (see `values.classify`) or "missing" or "rows": how many cells
ENOUGH = 0.95
DAY_FIRST, MONTH_FIRST = "day/month/year", "month/day/year"


class Type(NamedTuple):
    """What a column holds."""

    kind: Kind
    form: str = ""  # of dates: a key of `DATES`


class Ambiguous(Exception):
    """The dates of a column can be read day first or month first."""


def tally(column: Column, decimal: str) -> Tally:
    """Count the cells of a column by what they could be. Tallies of parts of a column can be added."""
    counts: Tally = Counter(rows=len(column.codes) if isinstance(column, Cells) else len(column))
    if not isinstance(column, Cells):
        counts["missing"] = int(np.count_nonzero(np.isnan(column)))
        counts["number"] = len(column) - counts["missing"]
        return counts
    times = np.bincount(column.codes.astype(np.int64) + 1, minlength=len(column.texts) + 1).tolist()
    counts["missing"] = times[0]
    for text, count in zip(column.texts, times[1:], strict=True):
        for name in classify(text, decimal):
            counts[name] += count
    return counts


def infer(counts: Tally, declared: Kind | None, day_first: str) -> Type:
    """Return the type of a column.

    Parameters
    ----------
    counts : Tally
        Of all its cells.
    declared : {"numeric", "categorical", "boolean", "date", "text", "presence"}, optional
        What the user says it is.
    day_first : {"auto", "yes", "no"}
        How 01/02/2024 is read; auto: as the column's other dates tell.

    Raises
    ------
    Ambiguous
        If they don't tell.
    """
    values = counts["rows"] - counts["missing"]
    if values == 0:
        return Type("empty")
    if declared == "date":
        return Type("date", _form(counts, tuple(DATES), day_first))
    if declared is not None:
        return Type(declared)
    if counts["number"] >= ENOUGH * values:
        return Type("numeric")
    forms = tuple(form for form in DATES if form not in ONLY_DECLARED)
    if max(counts[form] for form in forms) >= ENOUGH * values:
        return Type("date", _form(counts, forms, day_first))
    if any(counts[pair] == values for pair in BOOLEANS):
        return Type("boolean")
    return Type("categorical")


def _form(counts: Tally, forms: tuple[str, ...], day_first: str) -> str:
    """Return the form that most cells have; of equal ones the first."""
    best = max(forms, key=lambda form: counts[form])
    if best not in (DAY_FIRST, MONTH_FIRST):
        return best
    if day_first != "auto":
        return DAY_FIRST if day_first == "yes" else MONTH_FIRST
    if counts[DAY_FIRST] == counts[MONTH_FIRST]:
        raise Ambiguous
    return best
