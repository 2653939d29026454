"""Percentile bootstrap intervals (Efron, 1979) with the same bytes on every machine.

A resample is how often each row counts: whole numbers. What is averaged is rounded to whole numbers too
(fixed point), so that sums are exact in any order.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.intervals import Interval
from reprise.foundation import seeds
from reprise.foundation.parallel import in_order

Weights = NDArray[np.int64]
Statistics = Callable[[Weights], Mapping[str, float]]

SEED = 1  # of the resamples: the same rows and predictions have the same intervals
MOST_RESAMPLES, FEWEST_RESAMPLES = 1000, 100
MOST_ROWS = 20_000
WORK = 2 * 10**8  # rows times resamples times the cost of one
CHUNK = 20  # resamples that a thread computes at a time


class FixedPoint(NamedTuple):
    """Values as whole numbers, times 2**exponent."""

    numbers: NDArray[np.int64]
    exponent: int

    def mean(self, weights: Weights) -> float:
        """Return the mean of the values, each counted as often as its weight says."""
        return math.ldexp(float(int(np.dot(weights, self.numbers))), -self.exponent) / int(weights.sum())


def fixed_point(values: NDArray[np.float64]) -> FixedPoint:
    """Return values rounded to whole numbers so that the sum of as many of them stays below 2**62."""
    largest = float(np.abs(values).max(initial=0.0)) * len(values)
    exponent = 61 - math.frexp(largest)[1] if largest else 0
    return FixedPoint(np.rint(np.ldexp(values, exponent)).astype(np.int64), exponent)


def subset(rows: int) -> NDArray[np.int64]:
    """Return the rows that are resampled: all, or a random choice of `MOST_ROWS` in order."""
    if rows <= MOST_ROWS:
        return np.arange(rows)
    return np.sort(seeds.permutation(rows, SEED, "bootstrap subset")[:MOST_ROWS])


def bootstrap(
    statistics: Statistics,
    rows: int,
    whole: Mapping[str, float],
    all_rows: int,
    confidence: float,
    *,
    cost: int = 1,
    workers: int = 1,
) -> dict[str, Interval]:
    """Return the intervals of several metrics.

    Parameters
    ----------
    statistics : callable
        Returns the metrics by name when each row counts as often as the weights, shape (rows,), say. A metric
        may be missing from a resample; if it is from more than half of them, it gets no interval.
    rows : int
        The rows that are resampled.
    whole : mapping
        The metrics of all rows.
    all_rows : int
        How many these are. If more than `rows`, deviations shrink by the root of the share: they would in
        resamples of all (Bickel, Götze and van Zwet, 1997).
    confidence : float
    cost : int
        How many times the work of one pass over the rows a resample is; more work, fewer resamples.
    workers : int
        Threads.
    """
    resamples = min(MOST_RESAMPLES, max(FEWEST_RESAMPLES, WORK // (rows * cost)))

    def some(start: int) -> list[Mapping[str, float]]:
        numbers = range(start, min(start + CHUNK, resamples))
        return [statistics(_weights(rows, number)) for number in numbers]

    found: defaultdict[str, list[float]] = defaultdict(list)
    for chunk in in_order(some, range(0, resamples, CHUNK), workers):
        for metrics in chunk:
            for name, value in metrics.items():
                found[name].append(value)
    here = statistics(np.ones(rows, np.int64))
    shrink = math.sqrt(rows / all_rows)
    return {
        name: _around(whole[name], here[name], percentiles(values, confidence), shrink)
        for name, values in found.items()
        if name in whole and name in here and 2 * len(values) > resamples
    }


def _weights(rows: int, number: int) -> Weights:
    return np.bincount(seeds.integers(rows, rows, SEED, "bootstrap", number), minlength=rows)


def percentiles(values: list[float], confidence: float) -> Interval:
    """Return the ends that leave out as many values below as above, interpolated between neighbours."""
    ordered = sorted(values)

    def at(share: float) -> float:
        place = (len(ordered) - 1) * share
        below = min(int(place), len(ordered) - 1)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (place - below) * (ordered[above] - ordered[below])

    return Interval(at(0.5 * (1.0 - confidence)), at(0.5 * (1.0 + confidence)))


def _around(value: float, here: float, interval: Interval, shrink: float) -> Interval:
    if shrink == 1.0:
        return interval
    return Interval(value - shrink * (here - interval.low), value + shrink * (interval.high - here))
