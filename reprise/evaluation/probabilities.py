"""How far probabilities can be trusted: log loss, Brier score and calibration error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.elementary import log
from reprise.model.inference import DECIMALS

LEAST = 1e-300  # the logarithm of 0 would be endless
BINS = 15  # of the calibration, as Guo et al. (2017)
UNIT: int = 10**DECIMALS  # probabilities are whole multiples of 1 / UNIT


def log_losses(chance_of_actual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's cross-entropy in nats, from the unrounded probability of its class."""
    return -log(np.maximum(chance_of_actual, LEAST))


def brier_scores(actual: NDArray[np.int64], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's squared distance of its probabilities from what happened (Brier, 1950).

    With two classes that of the second's probability alone, from 0 to 1, as scikit-learn has it; with more
    the sum over the classes, from 0 to 2.
    """
    happened = np.arange(chances.shape[1]) == actual[:, None]
    squares = np.square(chances - happened)
    if chances.shape[1] == 2:
        return np.asarray(squares[:, 1])
    return np.asarray(np.cumsum(squares, axis=1)[:, -1])  # a sum in the order of the classes


class Calibration(NamedTuple):
    """The probability of each row's predicted class, in whole numbers, and its bin."""

    confidence: NDArray[np.int64]  # (rows,): in units of 1 / UNIT
    right: NDArray[np.int64]  # (rows,): 1 where the prediction is right
    bin: NDArray[np.int64]  # (rows,)


def calibration(
    actual: NDArray[np.int64], predicted: NDArray[np.int64], chances: NDArray[np.float64]
) -> Calibration:
    """Return rows sorted into `BINS` bins of equal width, each open below and closed above."""
    confidence = np.rint(chances[np.arange(len(predicted)), predicted] * UNIT).astype(np.int64)
    bins = np.clip(-(-confidence * BINS // UNIT) - 1, 0, BINS - 1)
    return Calibration(confidence, (actual == predicted).astype(np.int64), bins)


def calibration_error(rows: Calibration, weights: NDArray[np.int64]) -> float:
    """Return the expected calibration error (Naeini et al., 2015; Guo et al., 2017).

    The mean over the rows of the distance between their bin's share of right predictions and its mean
    probability, computed in whole numbers.
    """
    gaps = weights * (rows.confidence - UNIT * rows.right)
    # Sums of whole numbers; below 2**53, which 9 million rows reach, they are exact in float64.
    per_bin = np.bincount(rows.bin, gaps, minlength=BINS)
    total = sum(abs(int(gap)) for gap in per_bin.tolist())
    return total / (UNIT * int(weights.sum()))
