"""Columns that only number the rows: they say nothing of new rows, and are no features.

Such are a column that counts the rows of the file, 0, 1, 2, … or 1, 2, 3, …, and a column without a name,
which is how pandas writes the index of a table, when it holds another whole number in every row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.ingest import Ingested

STARTS = (0, 1)
ENOUGH_ROWS = 10  # fewer may be in order by luck
UNNAMED = re.compile(r"Unnamed: [0-9]+(?:\.[0-9]+)*")  # what pandas calls a column without a name
FIRST, SECOND = "column_1", "column_2"  # what `names.column_names` calls them


def is_unnamed(name: str, names: Sequence[str], header: bool) -> bool:
    """Tell whether a column has the name of an index that pandas wrote.

    Parameters
    ----------
    name : str
        The column's.
    names : sequence of str
        Of all columns, in the file's order.
    header : bool
        Whether the file has one; without it no column has a name.
    """
    if not header:
        return False
    first = name == FIRST == names[0] and SECOND not in names[1:2]
    return first or UNNAMED.fullmatch(name) is not None


def counts_rows(values: NDArray[np.float64], rows: NDArray[np.int64], start: int) -> bool:
    """Tell whether values are the rows' numbers.

    Parameters
    ----------
    values : array (rows,)
        With NaN for missing.
    rows : array (rows,)
        The rows' places in the file, from 0.
    start : int
        What the first row of the file would have.
    """
    return bool(np.array_equal(values, rows + start))


def is_index(values: NDArray[np.float64]) -> bool:
    """Tell whether values (rows,) are whole numbers from 0 on, another one in each row."""
    if not np.all((values >= 0) & (values == np.floor(values))):  # not so of a missing one, NaN
        return False
    return len(np.unique(values)) == len(values)


def row_numbers(table: Ingested) -> tuple[str, ...]:
    """Return the features that only number the rows of the first source.

    A column whose type the params set is one to learn from.

    Raises
    ------
    UserError
        If nothing else is left to learn from.
    """
    rows = table.ids()[: table.rows[0]]
    if len(rows) < ENOUGH_ROWS:
        return ()
    found, others = [], 0
    for place, name in enumerate(table.roles.features):
        kind = table.types[name].kind
        if kind == "numeric" and name not in table.roles.declared:
            values = table.spill.column(place)[: len(rows)]
            unnamed = is_unnamed(name, table.names, table.dialects[0].header)
            if any(counts_rows(values, rows, start) for start in STARTS) or (unnamed and is_index(values)):
                found.append(name)
                continue
        others += kind != "empty"
    if found and not others:
        raise UserError(
            f"column {found[0]!r} only counts the rows, and no other column is left to learn from; add one, "
            f"or set prepare.csv.types to {{{found[0]}: numeric}} if the order of the rows means something"
        )
    return tuple(found)
