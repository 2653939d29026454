"""The errors of a regression as tables to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.tables import Table

RESIDUALS = ("predicted", "actual", "residual")
HISTOGRAM = ("low", "high", "rows")
MOST = 2000  # rows
BINS = 41  # an odd number: the middle one is around 0


def residual_table(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> Table:
    """Return predicted, actual and residual of the rows; of more than 2,000, of 2,000 evenly spread ones.

    Row number n · rows // 2000 for n = 0 … 1999, in the order of the test split.

    Parameters
    ----------
    actual, predicted : array (rows,)
    """
    count = len(actual)
    kept = np.arange(count) if count <= MOST else np.arange(MOST) * count // MOST
    columns = (predicted[kept], actual[kept], (predicted - actual)[kept])
    return Table(RESIDUALS, list(zip(*(column.tolist() for column in columns), strict=True)))


def residual_histogram(residual: NDArray[np.float64]) -> Table:
    """Return how many rows have a residual of what size.

    41 bins of equal width around 0, as far as 99 % of the rows go to either side; the outermost bins count
    the rows beyond them too, so that a single outlier doesn't push all others into one bin.

    Parameters
    ----------
    residual : array (rows,)
        predicted - actual; finite, at least one row.
    """
    sizes = np.sort(np.abs(residual), kind="stable")
    limit = float(sizes[(len(sizes) * 99 - 1) // 100]) or float(sizes[-1]) or 1.0
    # From -1 to 1 first: twice the limit of a huge residual would be infinite.
    inside = np.clip(residual / limit, -1.0, 1.0)
    places = np.minimum(((inside + 1.0) * (BINS / 2)).astype(np.int64), BINS - 1)
    counts = np.bincount(places, minlength=BINS).tolist()
    edges = [limit * ((2 * number - BINS) / BINS) for number in range(BINS + 1)]
    return Table(HISTOGRAM, list(zip(edges[:-1], edges[1:], counts, strict=True)))
