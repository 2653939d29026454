"""Splitting rows by time: the last ones are the test, those before them the validation."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.foundation.ordering import distinct


def assign_by_time(moments: NDArray[np.float64], test: Fraction, val: Fraction) -> NDArray[np.uint8]:
    """Return the split of each row: 0 train, then 1 val, then 2 test.

    Rows of one moment stay together. So a split begins at the moment whose first row is nearest to the one
    where its share would begin, or at the earlier of two that are equally near; each split gets a row.

    Parameters
    ----------
    moments : array (rows,)
        Dates as numbers, or any numbers that rise with time.
    test, val : Fraction
        The shares of test, of all rows, and of val, of the rows that are not test.

    Raises
    ------
    UserError
        If there are fewer different moments than splits.
    """
    place, counts = distinct(moments)
    wanted = 1 + (test > 0) + (val > 0)
    if len(counts) < wanted:
        raise UserError(
            f"prepare.split.by: {len(counts)} different value(s) cannot fill {wanted} splits, and rows of "
            "one value stay together; use a column with more values, or set prepare.split.val to 0"
        )
    starts = np.cumsum(counts) - counts  # rows before each moment
    first = starts[place]  # of the row's moment
    parts = np.zeros(len(moments), np.uint8)
    end = len(moments)
    if test > 0:
        end = nearest(starts[wanted - 1 :], end - round(end * test))
        parts[first >= end] = 2
    if val > 0:
        begin = nearest(starts[(starts > 0) & (starts < end)], end - round(end * val))
        parts[(first >= begin) & (first < end)] = 1
    return parts


def nearest(starts: NDArray[Any], wanted: int) -> int:
    """Return the first of the starts, in rising order, that are nearest to a number."""
    return int(starts[np.abs(starts - wanted).argmin()])
