"""The column to predict: classes or numbers.

``csv.task: auto`` takes text for classes. Whole numbers are classes when there are two of them, or at most 20
with five rows each on average; all other numbers are values of a regression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.tables.codes import Values
from reprise.tables.types import Type

MOST_CLASSES = 1000
FEW_NUMBERS = 20
ROWS_EACH = 5


class Target(NamedTuple):
    """What is to be predicted."""

    task: Literal["classification", "regression"]
    classes: tuple[str, ...]  # sorted: numbers by value, texts by code point; empty for a regression
    y: NDArray[Any]  # (rows,): int64 class numbers or float64 values


def find_target(
    name: str,
    values: Values,
    kind: Type,
    texts: Mapping[int, str] | None,
    task: str,
    official_test: NDArray[np.bool_],
) -> Target:
    """Return the target of each row.

    Parameters
    ----------
    name : str
        The column.
    values : array (rows,)
        See `convert`; none missing.
    kind : Type
        Numeric or categorical.
    texts : mapping of int to str, optional
        The text of each hash; None when there are too many.
    task : {"auto", "classification", "regression"}
    official_test : array (rows,) of bool
        Rows of a separate test file; the classes are those of the other rows.

    Raises
    ------
    UserError
        If there is one class only, or more than 1000.
    """
    ours = values[~official_test]
    if kind.kind == "numeric":
        distinct = np.unique(ours)
        if task == "regression" or (task == "auto" and not _few_whole_numbers(distinct, len(ours))):
            return Target("regression", (), values)
        _refuse_count(name, len(distinct))
        names = [str(int(v)) if v == int(v) else repr(v) for v in distinct.tolist()]
        return Target("classification", tuple(names), _place(values, distinct))
    distinct = np.unique(ours)
    _refuse_count(name, len(distinct) if texts is not None else MOST_CLASSES + 1)
    assert texts is not None
    sorted_texts = sorted(texts[number] for number in distinct.tolist())
    number_of = {text: number for number, text in enumerate(sorted_texts)}
    order = np.array([number_of[texts[number]] for number in distinct.tolist()])
    place = _place(values, distinct)
    return Target("classification", tuple(sorted_texts), np.where(place < 0, -1, order[place]))


def _few_whole_numbers(distinct: Values, rows: int) -> bool:
    if not np.all(distinct == np.floor(distinct)):
        return False
    return len(distinct) == 2 or (len(distinct) <= FEW_NUMBERS and len(distinct) * ROWS_EACH <= rows)


def _place(values: Values, distinct: Values) -> NDArray[np.int64]:
    """Return each value's place in the sorted `distinct`, or -1 for one that is not there."""
    place = np.searchsorted(distinct, values)
    found = distinct[np.minimum(place, len(distinct) - 1)] == values
    return np.where(found, place, -1)


def _refuse_count(name: str, classes: int) -> None:
    if classes == 1:
        raise UserError(f"column {name!r} (prepare.csv.target): one class only; there is nothing to learn")
    if classes > MOST_CLASSES:
        raise UserError(
            f"column {name!r} (prepare.csv.target): more than {MOST_CLASSES} classes; choose another target, "
            "or set prepare.csv.task to regression if it holds numbers"
        )
