"""Metrics as scikit-learn defines them, with the same bytes on every machine.

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

from reprise.foundation.ordering import distinct

Matrix = NDArray[np.int64]
Report = dict[str, Any]  # what json can hold: numbers, and reports by name


def confusion_matrix(actual: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Matrix:
    """Return how many rows of each class were predicted as each class.

    Returns
    -------
    array (classes, classes)
        Row: the actual class. Column: the predicted one.
    """
    counts: Matrix = np.bincount(actual * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes)


def classification_report(matrix: Matrix, names: Sequence[str]) -> Report:
    """Return the metrics that follow from a confusion matrix.

    accuracy; macro_f1, the mean over the classes that occur in the rows or among the predictions
    (scikit-learn's default); classes: precision, recall, f1 and support by class name, 0 where there is
    nothing to divide by (scikit-learn's zero_division=0). With two classes also f1, that of the second.

    Parameters
    ----------
    matrix : array (classes, classes)
        At least one row counted (see `confusion_matrix`).
    names : sequence of str
        The class names by number.
    """
    hits = matrix.diagonal().tolist()
    supports, guesses = matrix.sum(axis=1).tolist(), matrix.sum(axis=0).tolist()
    per_class = [
        {
            "precision": ratio(hit, guessed),
            "recall": ratio(hit, support),
            "f1": ratio(2 * hit, guessed + support),
            "support": support,
        }
        for hit, support, guessed in zip(hits, supports, guesses, strict=True)
    ]
    occurs = [support + guessed > 0 for support, guessed in zip(supports, guesses, strict=True)]
    report: Report = {
        "accuracy": ratio(sum(hits), sum(supports)),
        "macro_f1": mean(row["f1"] for row, wanted in zip(per_class, occurs, strict=True) if wanted),
        "classes": dict(zip(names, per_class, strict=True)),
    }
    if len(names) == 2:
        report["f1"] = per_class[1]["f1"]
    return report


def auc(actual: NDArray[np.int64], score: NDArray[np.float64]) -> float | None:
    """Return the area under the ROC curve: how often a row of class 1 scores above one of class 0.

    Equal scores count half (Mann and Whitney, 1947). None when one of the classes has no row.

    Parameters
    ----------
    actual : array (rows,)
        0 or 1.
    score : array (rows,)
        Higher means more likely class 1.
    """
    positive = actual == 1
    positives = int(positive.sum())
    negatives = len(actual) - positives
    if positives == 0 or negatives == 0:
        return None
    place, counts = distinct(score)
    above = np.bincount(place[positive], minlength=len(counts))
    below = np.bincount(place[~positive], minlength=len(counts))
    # Twice the number of pairs in the right order, so that ties stay whole numbers.
    pairs = int((above * (2 * (np.cumsum(below) - below) + below)).sum())
    return pairs / (2 * positives * negatives)


def regression_report(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> Report:
    """Return mse, rmse, mae and r2 in the target's own unit; loss is the mean squared error.

    A target that never changes has no variance to explain: r2 is 1 when every prediction is exact and 0
    otherwise (scikit-learn's force_finite).

    Parameters
    ----------
    actual, predicted : array (rows,)
        At least one row.
    """
    residual = predicted - actual
    squares = math.fsum(np.square(residual).tolist())
    spread = math.fsum(np.square(actual - mean(actual.tolist())).tolist())
    mse = squares / len(actual)
    return {
        "mse": mse,
        "rmse": math.sqrt(mse),
        "mae": mean(np.abs(residual).tolist()),
        "r2": 1.0 - squares / spread if spread > 0.0 else float(squares == 0.0),
        "loss": mse,
    }


def ratio(part: int, whole: int) -> float:
    """Return part / whole, and 0 when there is no whole."""
    return part / whole if whole else 0.0


def mean(values: Iterable[float]) -> float:
    """Return the mean, rounded twice only: after an exact sum and after the division."""
    values = list(values)
    return math.fsum(values) / len(values)
