"""What one column tells: about the target (leakage) and about the difference between two splits (drift).

Counts and ranks are whole numbers and stay so until the last division: the same figures everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.ordering import distinct

CATEGORIES = 100  # a column with more values is not judged value by value
# A drift is reported when it is both beyond chance and large enough to matter.
MINIMAL_DISTANCE = 0.1
LN2 = 0.6931471805599453
CHANCE_BITS = 20  # of 2**20 checks of equal splits about one reports a drift


def target_given(values: NDArray[Any], labels: NDArray[np.int64], classes: int) -> float:
    """Return how much of a classification one column settles alone: 0 nothing, 1 everything.

    It is the share of the rows outside the largest class for which a rule on this column finds the
    class. A rule cuts the values into at most as many intervals as there are classes or, when there are
    few different values, knows the usual class of each. Far below 1 the share is an estimate.

    Parameters
    ----------
    values : array (rows,)
    labels : array (rows,)
    classes : int
    """
    rows = len(labels)
    others = rows - int(np.bincount(labels, minlength=1).max()) if rows else 0
    if others == 0:
        return 0.0
    kinds, majority, weights = _by_value(values, labels, classes)
    unsure = rows - int(weights.sum())  # rows that share their value with a more frequent class
    wrong = unsure + _beyond_intervals(majority, weights, classes)
    if kinds <= min(CATEGORIES, rows // 20):
        wrong = min(wrong, unsure)
    return max(0.0, (others - wrong) / others)


def _by_value(
    values: NDArray[Any], labels: NDArray[np.int64], classes: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of different values, and each one's most frequent class and that class's rows."""
    value_of, kinds = distinct(values)
    pairs, counts = np.unique(value_of.astype(np.int64) * classes + labels, return_counts=True)
    value, label = pairs // classes, pairs % classes
    order = np.lexsort((-counts, value))  # of equal counts the smaller class comes first: lexsort is stable
    first = order[np.unique(value[order], return_index=True)[1]]
    return len(kinds), label[first], counts[first].astype(np.int64)


def _beyond_intervals(majority: NDArray[np.int64], weights: NDArray[np.int64], intervals: int) -> int:
    """Return how many rows at least a rule of so many intervals gets wrong.

    Along the sorted values the classes come in runs. Giving up one run joins its two neighbours.
    """
    starts = np.flatnonzero(np.diff(majority, prepend=-1))
    runs = np.add.reduceat(weights, starts)
    given_up = max(0, -(-(len(runs) - intervals) // 2))
    return int(np.sort(runs)[:given_up].sum())


def rank_correlation(values: NDArray[Any], target: NDArray[Any]) -> float:
    """Return Spearman's rank correlation of two arrays (rows,), with mean ranks for equal values."""
    a, b = _doubled_ranks(values), _doubled_ranks(target)
    n = len(a)
    total_a, total_b = int(a.sum()), int(b.sum())
    product = n * int((a * b).sum()) - total_a * total_b
    square_a, square_b = n * int((a * a).sum()) - total_a**2, n * int((b * b).sum()) - total_b**2
    return product / (math.sqrt(square_a) * math.sqrt(square_b)) if square_a and square_b else 0.0


def _doubled_ranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return twice the rank of each value, which is whole also for ties."""
    value_of, counts = distinct(values)
    ends = np.cumsum(counts)
    ranks: NDArray[np.int64] = (2 * ends - counts + 1)[value_of]
    return ranks


def distance(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the Kolmogorov-Smirnov distance of two samples: the largest gap between their distributions."""
    if len(first) == 0 or len(second) == 0:
        return 0.0
    first, second = np.sort(first), np.sort(second)
    points = np.concatenate([first, second])
    below_first = np.searchsorted(first, points, side="right").astype(np.int64)
    below_second = np.searchsorted(second, points, side="right").astype(np.int64)
    gap = int(np.abs(below_first * len(second) - below_second * len(first)).max())
    return gap / (len(first) * len(second))


def distance_bound(first: int, second: int, columns: int) -> float:
    """Return the distance above which two samples of these sizes differ by more than chance.

    The bound of Smirnov, ``sqrt(ln(2/α)/2 · (n + m)/(n·m))``, for α = 2**-CHANCE_BITS shared by the columns.
    """
    if first == 0 or second == 0:
        return 1.0
    bits = CHANCE_BITS + 1 + columns.bit_length()
    return math.sqrt(bits * LN2 / 2 * (first + second) / (first * second))
