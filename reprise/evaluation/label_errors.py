"""Labels that are probably wrong, by confident learning (Northcutt, Jiang, Chuang 2021, arXiv:1911.00068)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def class_thresholds(labels: NDArray[np.int64], chances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how sure the model is of each class on the rows that are labelled so, on average.

    The sums are exact, so that their order can't matter. A class without a row has an infinite threshold:
    nothing says how sure is sure enough.

    Parameters
    ----------
    labels : array (rows,)
        Class numbers.
    chances : array (rows, classes)
        Probabilities, of a model that has not seen the rows.

    Returns
    -------
    array (classes,)
    """
    own = chances[np.arange(len(labels)), labels]
    of_class = [own[labels == number].tolist() for number in range(chances.shape[1])]
    return np.array([math.fsum(sure) / len(sure) if sure else math.inf for sure in of_class])


def likely_label_errors(labels: NDArray[np.int64], chances: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which rows' labels are probably wrong, shape (rows,).

    They are the rows counted off the diagonal of the confident joint: a row counts for the most probable of
    the classes that reach their thresholds (of equally probable ones the first), and that is not its label.
    A row without such a class counts nowhere.

    Parameters
    ----------
    labels, chances
        As for `class_thresholds`.
    """
    confident = np.where(chances >= class_thresholds(labels, chances), chances, -1.0)
    counted_for = confident.argmax(axis=1)
    suspicious: NDArray[np.bool_] = (confident.max(axis=1) >= 0) & (counted_for != labels)
    return suspicious
