"""The table beside the metrics: what was predicted for each row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


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
    """Return one row per test row."""
    columns = (ids.tolist(), actual, predicted, probability.tolist())
    return Table(("row", *CLASSES), list(zip(*columns, strict=True)))


def predicted_values(
    ids: NDArray[np.int64], actual: NDArray[np.float64], predicted: NDArray[np.float64]
) -> Table:
    """Return one row per test row; the residual is predicted - actual."""
    columns = (ids, actual, predicted, predicted - actual)
    return Table(("row", *VALUES), list(zip(*(column.tolist() for column in columns), strict=True)))
