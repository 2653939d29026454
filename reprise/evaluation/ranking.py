"""The areas under the ROC and the precision-recall curve, of rows that may count several times or never."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.metrics import mean


class Ranking(NamedTuple):
    """Rows of one class and of the others, ordered by a score, the highest first."""

    order: NDArray[np.int64]  # (rows,): row numbers
    ends: NDArray[np.int64]  # (different scores,): the last place of each score
    positive: NDArray[np.int64]  # (rows,), in order: 1 for a row of the class, else 0


class Areas(NamedTuple):
    """None where a side has no row."""

    roc: float | None
    precision_recall: float | None


def rank(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Ranking:
    """Return the rows ordered by a score.

    Parameters
    ----------
    positive : array (rows,)
        Whether the row is of the class.
    score : array (rows,)
        Higher means more likely of the class.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    return Ranking(order, ends, positive[order].astype(np.int64))


def areas(ranking: Ranking, weights: NDArray[np.int64]) -> Areas:
    """Return the area under the ROC curve and the average precision.

    The first is how often a row of the class scores above another one, equal scores counting half (Mann and
    Whitney, 1947). The second is the mean of the precision at each score, weighted by the recall that it
    adds, as scikit-learn's `average_precision_score`.

    Parameters
    ----------
    ranking : Ranking
    weights : array (rows,)
        How often each row counts, in the rows' own order.
    """
    counted = weights[ranking.order]
    above = np.cumsum(counted)[ranking.ends]  # rows with at least this score
    hits = np.cumsum(counted * ranking.positive)[ranking.ends]
    positives, misses = int(hits[-1]), above - hits
    negatives = int(misses[-1])
    if positives == 0:
        return Areas(None, None)
    new_hits = np.diff(hits, prepend=0)
    # A sum in order, which cumsum is on every processor. Rows above the first that counts divide by nothing.
    precision = np.divide(hits, above, out=np.zeros(len(above)), where=above > 0)
    average = float(np.cumsum(new_hits * precision)[-1]) / positives
    if negatives == 0:
        return Areas(None, average)
    # Twice the number of pairs in the right order, so that ties stay whole numbers.
    pairs = int((np.diff(misses, prepend=0) * (2 * hits - new_hits)).sum())
    return Areas(pairs / (2 * positives * negatives), average)


def one_vs_rest(actual: NDArray[np.int64], chances: NDArray[np.float64]) -> list[Ranking]:
    """Return a ranking per class by its probability; of two classes the second's alone.

    Parameters
    ----------
    actual : array (rows,)
        Class numbers.
    chances : array (rows, classes)
    """
    classes = chances.shape[1]
    numbers = (1,) if classes == 2 else range(classes)
    return [rank(actual == number, chances[:, number]) for number in numbers]


def mean_areas(rankings: list[Ranking], weights: NDArray[np.int64]) -> dict[str, float]:
    """Return roc_auc and pr_auc, means over the classes for which they are defined; without them none."""
    found = [areas(ranking, weights) for ranking in rankings]
    both = {
        "roc_auc": [area.roc for area in found if area.roc is not None],
        "pr_auc": [area.precision_recall for area in found if area.precision_recall is not None],
    }
    return {name: mean(values) for name, values in both.items() if values}
