"""Percentile intervals of figures that are functions of a mean over the rows, and of differences of two."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.bootstrap import Weights, bootstrap, fixed_point, subset
from reprise.evaluation.intervals import Interval
from reprise.evaluation.metrics import mean

Floats = NDArray[np.float64]
Figure = Callable[[float], float]
CONFIDENCE = 0.95


def interval(column: Floats, figure: Figure) -> Interval:
    """Return the 95 % interval of a figure of a column's mean.

    Parameters
    ----------
    column : array (rows,)
        At least two rows.
    figure : callable
        From a mean to the figure, such as the root of a mean of squares.
    """
    return difference_interval(np.zeros(len(column)), column, figure)


def difference_interval(first: Floats, second: Floats, figure: Figure) -> Interval:
    """Return the 95 % interval of the second's figure minus the first's, both on the same resampled rows.

    Parameters
    ----------
    first, second : array (rows,)
        Of the same rows in the same order; at least two rows.
    figure : callable
        As for `interval`; of 0 it is 0.
    """
    rows = subset(len(first))
    before, after = fixed_point(first[rows]), fixed_point(second[rows])

    def statistics(weights: Weights) -> dict[str, float]:
        return {"difference": figure(after.mean(weights)) - figure(before.mean(weights))}

    whole = {"difference": figure(mean(second.tolist())) - figure(mean(first.tolist()))}
    return bootstrap(statistics, len(rows), whole, len(first), CONFIDENCE)["difference"]
