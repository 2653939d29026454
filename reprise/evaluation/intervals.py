"""Confidence intervals of test metrics: what another test set of this size could have shown."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """Both ends belong to it."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


def quantile(confidence: float) -> float:
    """Return how many deviations around the mean hold that share of a normal distribution.

    Rounded to 6 decimals: the library's logarithm may differ in its last bit between processors.
    """
    return round(NormalDist().inv_cdf(0.5 + confidence / 2), 6)


def wilson(successes: int, count: int, confidence: float) -> Interval:
    """Return Wilson's score interval of a share (E. B. Wilson, 1927).

    Unlike the share ± its error it stays within 0 and 1 and has a width at 0 and 1 too.

    Parameters
    ----------
    successes, count : int
        0 ≤ successes ≤ count, count ≥ 1.
    confidence : float
        0.95: in 95% of all samples the interval contains the true share.
    """
    z = quantile(confidence)
    z2 = z * z  # not z ** 2: that is the C library's pow
    centre = (successes + z2 / 2) / (count + z2)
    half = math.sqrt(z2 * (successes * (count - successes) / count + z2 / 4)) / (count + z2)
    # Where no row failed (or none succeeded) the end is 1 (or 0) exactly, but for rounding.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == count else centre + half
    return Interval(low, high)
