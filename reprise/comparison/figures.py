"""The figures that are compared: each is a function of the mean of one number a row."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.comparison.bootstrap import CONFIDENCE, interval
from reprise.comparison.predictions import Predictions
from reprise.evaluation.intervals import Interval, wilson
from reprise.evaluation.metrics import mean

Floats = NDArray[np.float64]


def _same(of_rows: float) -> float:
    return of_rows


class Figure(NamedTuple):
    """One figure.

    Attributes
    ----------
    name : str
    of_rows : callable
        From predictions to a number for each row, shape (rows,).
    of_mean : callable
        From the mean of these numbers to the figure.
    """

    name: str
    of_rows: Callable[[Predictions], Floats]
    of_mean: Callable[[float], float]

    def value(self, predictions: Predictions) -> float:
        """Return the figure."""
        return self.of_mean(mean(self.of_rows(predictions).tolist()))


LOG_LOSS = Figure("log_loss", Predictions.log_losses, _same)
RMSE = Figure("rmse", lambda found: np.square(found.residuals()), math.sqrt)
MAE = Figure("mae", lambda found: np.abs(found.residuals()), _same)


def figures_of(task: str) -> tuple[Figure, ...]:
    """Return the figures whose differences are resampled; accuracy has a test of its own."""
    return (RMSE, MAE) if task == "regression" else (LOG_LOSS,)


def accuracy(predictions: Predictions) -> float:
    """Return the share of rows whose class was predicted."""
    right = predictions.right()
    return int(right.sum()) / len(right)


def with_intervals(predictions: Predictions) -> dict[str, tuple[float, Interval]]:
    """Return each figure with its 95 % interval: Wilson's of the accuracy, resampled rows of the others."""
    found: dict[str, tuple[float, Interval]] = {}
    if predictions.task == "classification":
        right = predictions.right()
        hits = int(right.sum())
        found["accuracy"] = (accuracy(predictions), wilson(hits, len(right), CONFIDENCE))
    for figure in figures_of(predictions.task):
        between = interval(figure.of_rows(predictions), figure.of_mean)
        found[figure.name] = (figure.value(predictions), between)
    return found
