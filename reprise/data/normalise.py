"""Means and standard deviations of the train split, and their application.

The same bytes on every machine: whole numbers are summed exactly, and floats strictly one row after the
other. `numpy.mean` and `numpy.std` are not used because the order in which they add is not fixed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.prepared.schema import Statistics

How = Literal["feature", "global", "none"]
BLOCK = 2**20  # values converted to 64 bits at a time


def fit(x: NDArray[Any], how: How) -> Statistics | None:
    """Return the mean and population standard deviation of the rows.

    Parameters
    ----------
    x : array (rows, features) of float64, or (rows, channels, …) of uint8
        The train split; at least one row.
    how : {"feature", "global", "none"}
        One value per feature (channel), a single one for all, or no normalisation.

    Returns
    -------
    Statistics or None
        A feature that never changes gets the deviation 1.

    Raises
    ------
    UserError
        If a value is not finite or so large that its square is not.
    """
    if how == "none":
        return None
    if how == "global":
        x = x.reshape(-1, 1)
    return _fit_whole_numbers(x) if x.dtype == np.uint8 else _fit_floats(x)


def apply(x: NDArray[Any], statistics: Statistics | None) -> NDArray[np.float32]:
    """Return a table ``(x - mean) / std``, computed in float64 and rounded once to float32.

    Parameters
    ----------
    x : array (rows, features)
    statistics : Statistics or None
        None changes the number format only.
    """
    if statistics is None:
        return x.astype(np.float32)
    mean, std = np.array(statistics.mean), np.array(statistics.std)
    out = np.empty(x.shape, np.float32)
    for rows in _blocks(x):
        out[rows] = (x[rows].astype(np.float64) - mean) / std
    return out


def running_sum(total: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `total` plus every row, added strictly in order: any cut into blocks gives the same bits.

    Parameters
    ----------
    total : array (features,)
    rows : array (rows, features)
    """
    # accumulate is defined as r[i] = r[i-1] + a[i], while a plain sum may pair its terms.
    last: NDArray[np.float64] = np.add.accumulate(np.concatenate([total[None], rows]), axis=0)[-1]
    return last


def _blocks(x: NDArray[Any]) -> list[slice]:
    step = max(1, BLOCK // max(1, math.prod(x.shape[1:])))
    return [slice(start, start + step) for start in range(0, len(x), step)]


class WholeNumberSums:
    """Exact sums over rows of bytes that come in parts, and the statistics that follow from them."""

    def __init__(self) -> None:
        self._total: NDArray[np.int64] | None = None
        self._squares: NDArray[np.int64] | None = None
        self._count = 0

    def add(self, x: NDArray[np.uint8]) -> None:
        """Add rows, shape (rows, features or channels, …)."""
        if self._total is None or self._squares is None:
            self._total = np.zeros(x.shape[1], np.int64)
            self._squares = np.zeros(x.shape[1], np.int64)
        for rows in _blocks(x):
            part = x[rows].reshape(-1, x.shape[1], math.prod(x.shape[2:]))
            self._total += part.sum(axis=(0, 2), dtype=np.int64)
            self._squares += np.multiply(part, part, dtype=np.uint16).sum(axis=(0, 2), dtype=np.int64)
        self._count += x.size // x.shape[1]

    def statistics(self) -> Statistics:
        """Return the mean and population standard deviation of each feature or channel."""
        if self._total is None or self._squares is None:
            raise ValueError("no rows were added")
        count = self._count
        pairs = list(zip(self._total.tolist(), self._squares.tolist(), strict=True))
        mean = [float(Fraction(first, count)) for first, _ in pairs]
        variance = [float(Fraction(count * second - first * first, count * count)) for first, second in pairs]
        return Statistics(mean=tuple(mean), std=tuple(map(_deviation, variance)))


def _fit_whole_numbers(x: NDArray[np.uint8]) -> Statistics:
    sums = WholeNumberSums()
    sums.add(x)
    return sums.statistics()


def _fit_floats(x: NDArray[np.float64]) -> Statistics:
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found and told below
        mean = _mean(x, lambda rows: rows)
        # Of equal values the rounded mean may be off by one bit: the deviation would be noise, not 0.
        lowest = x.min(axis=0)
        mean = np.where(lowest == x.max(axis=0), lowest, mean)
        variance = _mean(x, lambda rows: np.square(rows - mean))
    bad = np.flatnonzero(~np.isfinite(variance))
    if len(bad):
        raise UserError(
            f"prepare.normalise: feature {bad[0] + 1} holds values that are not finite or too large to "
            "standardise; correct them, or set prepare.normalise to none"
        )
    return Statistics(mean=tuple(mean.tolist()), std=tuple(map(_deviation, variance.tolist())))


def _mean(
    x: NDArray[np.float64], term: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    total = np.zeros(x.shape[1])
    for rows in _blocks(x):
        total = running_sum(total, term(x[rows]))
    return total / len(x)


def _deviation(variance: float) -> float:
    return math.sqrt(variance) or 1.0
