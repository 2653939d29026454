"""The tables beside the metrics: what was predicted for each row, and the worst mistakes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MISTAKES = 100


class Table(NamedTuple):
    """A header and its rows."""

    header: tuple[str, ...]
    rows: list[tuple[Any, ...]]


# Every task fills the same files, so that a pipeline's outputs don't depend on its data.
CLASSES = ("actual", "predicted", "probability_of_actual")
VALUES = ("actual", "predicted", "residual")


def predicted_classes(
    ids: NDArray[np.int64], actual: list[str], predicted: list[str], probability: NDArray[np.float64]
) -> Table:
    """Return one row per test row (see `wrong_classes`)."""
    columns = (ids.tolist(), actual, predicted, probability.tolist())
    return Table(("row", *CLASSES), list(zip(*columns, strict=True)))


def predicted_values(
    ids: NDArray[np.int64], actual: NDArray[np.float64], predicted: NDArray[np.float64]
) -> Table:
    """Return one row per test row; the residual is predicted - actual."""
    columns = (ids, actual, predicted, predicted - actual)
    return Table(("row", *VALUES), list(zip(*(column.tolist() for column in columns), strict=True)))


def wrong_classes(
    ids: NDArray[np.int64], actual: list[str], predicted: list[str], probability: NDArray[np.float64]
) -> Table:
    """Return the rows whose class was missed, those first whose actual class seemed least likely.

    Parameters
    ----------
    ids : array (rows,)
        The row's number in its source.
    actual, predicted : list of str
        Class names.
    probability : array (rows,)
        Of the actual class.
    """
    columns = (ids.tolist(), actual, predicted, probability.tolist())
    wrong = [row for row in zip(*columns, strict=True) if row[1] != row[2]]
    wrong.sort(key=lambda row: row[3])  # stable: equals stay in row order
    return Table(("row", *CLASSES), wrong[:MISTAKES])


def largest_residuals(
    ids: NDArray[np.int64], actual: NDArray[np.float64], predicted: NDArray[np.float64]
) -> Table:
    """Return the rows whose prediction is furthest off, the furthest first."""
    residual = predicted - actual
    order = np.argsort(-np.abs(residual), kind="stable")[:MISTAKES]
    columns = (column[order].tolist() for column in (ids, actual, predicted, residual))
    return Table(("row", *VALUES), list(zip(*columns, strict=True)))
