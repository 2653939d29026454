"""Prediction intervals of a regression and how often they hold: split conformal prediction."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def half_width(residuals: NDArray[np.float64], confidence: float) -> float | None:
    """Return how far from a prediction the target lies at most, with that confidence (Vovk et al., 2005).

    Parameters
    ----------
    residuals : array (rows,)
        Of rows that the model was not fitted to: the validation split.
    confidence : float
        0.95: for 95% of new rows, where these are like those.

    Returns
    -------
    float or None
        None where the rows are too few to say: 19 are needed for 0.95.
    """
    count = len(residuals)
    place = math.ceil((count + 1) * confidence)
    if place > count:
        return None
    return float(np.sort(np.abs(residuals), kind="stable")[place - 1])


def covered(residuals: NDArray[np.float64], width: float) -> int:
    """Return how many rows lie within the intervals."""
    return int((np.abs(residuals) <= width).sum())
