"""Whether probabilities mean what they say: how often rows predicted with a confidence are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.metrics import mean, ratio
from reprise.evaluation.tables import Table

BINS = 15
HEADER = ("low", "high", "rows", "confidence", "accuracy")
UNIT = 10**9  # probabilities are rounded to 9 decimals (`reprise.model.inference`)


def calibration_table(right: NDArray[np.bool_], confidence: NDArray[np.float64]) -> Table:
    """Return the reliability diagram: one row for each bin of confidence in which there are rows.

    15 bins of equal width, each with its upper end (Guo et al., 2017): how many rows, their mean confidence
    and the share of them that is right.

    Parameters
    ----------
    right : array (rows,)
        Whether the predicted class is the actual one.
    confidence : array (rows,)
        The predicted class's probability, from 0 to 1, of 9 decimals.
    """
    units = np.rint(confidence * UNIT).astype(np.int64)  # whole numbers, so that an edge is an edge
    bins = np.maximum(-(-units * BINS // UNIT) - 1, 0)
    rows = []
    for number in range(BINS):
        inside = bins == number
        size = int(inside.sum())
        if size:
            share = ratio(int(right[inside].sum()), size)
            rows.append((number / BINS, (number + 1) / BINS, size, mean(confidence[inside].tolist()), share))
    return Table(HEADER, rows)
