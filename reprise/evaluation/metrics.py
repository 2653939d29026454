"""Metrics of decisions and of values, as scikit-learn defines them, with the same bytes on every machine.

Counts are whole numbers, so their ratios are exact up to one rounding. Sums of floats are exact too
(`math.fsum`): `numpy.sum` and `numpy.dot` add in an order that depends on the processor. A metric that
is undefined gets scikit-learn's finite stand-in, named below, or is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.int64]
Metrics = dict[str, float]
Report = dict[str, Any]  # what json can hold: numbers, and reports by name


def confusion_matrix(
    actual: NDArray[np.int64],
    predicted: NDArray[np.int64],
    classes: int,
    weights: NDArray[np.int64] | None = None,
) -> Matrix:
    """Return how many rows of each class were predicted as each class.

    Parameters
    ----------
    actual, predicted : array (rows,)
        Class numbers.
    classes : int
    weights : array (rows,), optional
        How often each row counts; once by default.

    Returns
    -------
    array (classes, classes)
        Row: the actual class. Column: the predicted one.
    """
    # Weights are whole numbers far below 2**53, so their sums in float64 are exact.
    counts = np.bincount(actual * classes + predicted, weights, minlength=classes * classes)
    return counts.astype(np.int64).reshape(classes, classes)


def decision_metrics(matrix: Matrix) -> Metrics:
    """Return the metrics that follow from a confusion matrix.

    accuracy; balanced_accuracy, the mean recall of the classes that have rows; macro_f1, the mean over the
    classes that occur in the rows or among the predictions (scikit-learn's default); weighted_f1, weighted
    by the rows of each class. With two classes also f1, that of the second.

    Parameters
    ----------
    matrix : array (classes, classes)
        At least one row counted (see `confusion_matrix`).
    """
    hits, supports, guesses = _counts(matrix)
    f1 = [ratio(2 * hit, gs + sup) for hit, sup, gs in zip(hits, supports, guesses, strict=True)]
    recalls = [hit / support for hit, support in zip(hits, supports, strict=True) if support]
    found = {
        "accuracy": sum(hits) / sum(supports),
        "balanced_accuracy": mean(recalls),
        "macro_f1": mean(f for f, sup, gs in zip(f1, supports, guesses, strict=True) if sup + gs),
        "weighted_f1": math.fsum(f * sup for f, sup in zip(f1, supports, strict=True)) / sum(supports),
    }
    if len(f1) == 2:
        found["f1"] = f1[1]
    return found


def by_class(matrix: Matrix, names: Sequence[str]) -> Report:
    """Return precision, recall, f1 and support by class name, 0 where there is nothing to divide by.

    That is scikit-learn's ``zero_division=0``.
    """
    return {
        name: {
            "precision": ratio(hit, guessed),
            "recall": ratio(hit, support),
            "f1": ratio(2 * hit, guessed + support),
            "support": support,
        }
        for name, hit, support, guessed in zip(names, *_counts(matrix), strict=True)
    }


def _counts(matrix: Matrix) -> tuple[list[int], list[int], list[int]]:
    """Return each class's hits, rows and predictions."""
    return matrix.diagonal().tolist(), matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()


def value_metrics(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> Metrics:
    """Return mse, rmse, mae, median_absolute_error and r2, in the target's own unit.

    r2 is left out where the target never changes, as there is nothing to explain.

    Parameters
    ----------
    actual, predicted : array (rows,)
        At least one row.
    """
    residual = predicted - actual
    sizes = np.abs(residual).tolist()
    squares = math.fsum(np.square(residual).tolist())
    spread = math.fsum(np.square(actual - mean(actual.tolist())).tolist())
    found = {
        "mse": squares / len(actual),
        "rmse": math.sqrt(squares / len(actual)),
        "mae": mean(sizes),
        "median_absolute_error": median(sizes),
    }
    if spread > 0.0:
        found["r2"] = 1.0 - squares / spread
    return found


def ratio(part: int, whole: int) -> float:
    """Return part / whole, and 0 when there is no whole."""
    return part / whole if whole else 0.0


def mean(values: Iterable[float]) -> float:
    """Return the mean, rounded twice only: after an exact sum and after the division."""
    values = list(values)
    return math.fsum(values) / len(values)


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    return 0.5 * (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2])
