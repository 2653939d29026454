"""Percentile intervals by resampling rows (Efron, 1979): of a mean over the rows, or of a difference of two.

Each resample draws as many rows as there are, with replacement, from the seed alone. Values are rounded to
whole multiples of a power of two, so that their sums are exact and don't depend on the order of adding.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.intervals import Interval
from reprise.foundation import seeds

Floats = NDArray[np.float64]
RESAMPLES = 2000
TAIL = 50  # of the resamples, at each end: 95 % are between
SEED = 0


def resampled_means(columns: list[Floats], resamples: int = RESAMPLES) -> list[Floats]:
    """Return the means of each column over the same random rows, each of shape (resamples,).

    Parameters
    ----------
    columns : list of array (rows,)
        Values ≥ 0 or below, finite; at least one row.
    """
    count = len(columns[0])
    fixed = [_whole(column) for column in columns]
    means = np.empty((len(columns), resamples))
    for number in range(resamples):
        rows = seeds.integers(count, count, SEED, "bootstrap", number)
        for place, (whole, exponent) in enumerate(fixed):
            means[place, number] = math.ldexp(int(whole[rows].sum()), exponent) / count
    return list(means)


def interval(column: Floats, figure: Callable[[Floats], Floats]) -> Interval:
    """Return the 95 % interval of a figure of a column's mean.

    Parameters
    ----------
    column : array (rows,)
    figure : callable
        From means to figures, such as the root of a mean of squares.
    """
    return _between(figure(resampled_means([column])[0]))


def difference_interval(first: Floats, second: Floats, figure: Callable[[Floats], Floats]) -> Interval:
    """Return the 95 % interval of the second's figure minus the first's, on the same rows.

    Parameters
    ----------
    first, second : array (rows,)
        Of the same rows in the same order.
    figure : callable
        As for `interval`.
    """
    before, after = resampled_means([first, second])
    return _between(figure(after) - figure(before))


def _between(figures: Floats) -> Interval:
    ordered = np.sort(figures)
    return Interval(float(ordered[TAIL]), float(ordered[-1 - TAIL]))


def _whole(column: Floats) -> tuple[NDArray[np.int64], int]:
    """Return whole numbers and e, so that the values are these × 2**e and a sum of rows stays below 2**62."""
    largest = math.frexp(float(np.abs(column).max()))[1]  # every value is below 2**largest
    exponent = largest - 62 + len(column).bit_length()
    return np.rint(np.ldexp(column, -exponent)).astype(np.int64), exponent
