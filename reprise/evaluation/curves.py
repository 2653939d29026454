"""ROC and precision-recall curves, one class against the rest, as tables to draw.

Points are ratios of whole numbers, each rounded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.metrics import mean
from reprise.evaluation.ranking import rank
from reprise.evaluation.tables import Table
from reprise.evaluation.thinning import thin

ROC = ("class", "threshold", "false_positive_rate", "true_positive_rate")
PRECISION_RECALL = ("class", "threshold", "recall", "precision")
MOST_CLASSES = 10  # with more, their mean and the largest ones are drawn
STEPS = 200  # of the mean curve
MEAN = "(mean of all classes)"


class Counts(NamedTuple):
    """What is predicted as a class from each threshold on, the highest threshold first.

    Attributes
    ----------
    thresholds : array (thresholds,)
        The different scores.
    hits, alarms : array (thresholds,) of int64
        Rows of the class, and of the others, that score at least as much; the last are all of them.
    """

    thresholds: NDArray[np.float64]
    hits: NDArray[np.int64]
    alarms: NDArray[np.int64]


class Curve(NamedTuple):
    """A curve's points; `thresholds` starts with None, where nothing is predicted as the class."""

    thresholds: list[float | None]
    x: NDArray[np.float64]
    y: NDArray[np.float64]


def count(positive: NDArray[np.bool_], score: NDArray[np.float64]) -> Counts:
    """Return the counts of every threshold.

    Parameters
    ----------
    positive : array (rows,)
        Whether a row is of the class.
    score : array (rows,)
        Higher means more likely of the class.
    """
    order, ends, ordered = rank(positive, score)
    hits = np.cumsum(ordered)[ends]
    return Counts(score[order[ends]], hits, ends + 1 - hits)


def roc(counts: Counts) -> Curve | None:
    """Return the false and true positive rates; None when the class or the others have no row."""
    hits, alarms = counts.hits, counts.alarms
    if not len(hits) or hits[-1] == 0 or alarms[-1] == 0:
        return None
    x, y = alarms / alarms[-1], hits / hits[-1]
    return Curve([None, *counts.thresholds.tolist()], _behind(0.0, x), _behind(0.0, y))


def precision_recall(counts: Counts) -> Curve | None:
    """Return recall and precision; None when the class has no row.

    The curve starts at recall 0 with precision 1, as scikit-learn's ends.
    """
    hits, alarms = counts.hits, counts.alarms
    if not len(hits) or hits[-1] == 0:
        return None
    x, y = hits / hits[-1], hits / (hits + alarms)
    return Curve([None, *counts.thresholds.tolist()], _behind(0.0, x), _behind(1.0, y))


def curve_tables(
    actual: NDArray[np.int64], chances: NDArray[np.float64], names: Sequence[str]
) -> tuple[Table, Table]:
    """Return the ROC and the precision-recall curves, thinned (see `thin`).

    Of two classes, the second one's; of up to 10, each one's; of more, the mean over all classes that have
    such a curve, and the 9 with the most rows. The mean is one of y at 201 equidistant x (Fawcett, 2006,
    calls it vertical averaging).

    Parameters
    ----------
    actual : array (rows,)
        Class numbers.
    chances : array (rows, classes)
        Of each class.
    names : sequence of str
        The class names by number.
    """
    numbers = [1] if len(names) == 2 else list(range(len(names)))
    counts = {number: count(actual == number, chances[:, number]) for number in numbers}
    drawn = numbers
    if len(numbers) > MOST_CLASSES:
        sizes = np.bincount(actual, minlength=len(names)).tolist()
        drawn = sorted(sorted(numbers, key=lambda number: -sizes[number])[: MOST_CLASSES - 1])
    tables = []
    for header, curve, height in ((ROC, roc, _between), (PRECISION_RECALL, precision_recall, _from_next)):
        curves = {number: made for number in numbers if (made := curve(counts[number])) is not None}
        rows: list[tuple[Any, ...]] = []
        if len(numbers) > MOST_CLASSES and curves:
            heights = [height(made).tolist() for made in curves.values()]
            rows += [(MEAN, None, n / STEPS, mean(ys)) for n, ys in enumerate(zip(*heights, strict=True))]
        for number in drawn:
            if number in curves:
                rows += _points(names[number], curves[number])
        tables.append(Table(header, rows))
    return tables[0], tables[1]


def _points(name: str, curve: Curve) -> Iterator[tuple[Any, ...]]:
    for place in thin(curve.x, curve.y).tolist():
        yield name, curve.thresholds[place], float(curve.x[place]), float(curve.y[place])


def _behind(first: float, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([[first], values])


def _between(curve: Curve) -> NDArray[np.float64]:
    """Return y at each of the equidistant x, on the line between the points around it."""
    at = np.arange(STEPS + 1) / STEPS
    right = np.minimum(np.searchsorted(curve.x, at, side="right"), len(curve.x) - 1)
    left = right - 1
    wide = curve.x[right] - curve.x[left]
    share = np.where(wide > 0.0, (at - curve.x[left]) / np.where(wide > 0.0, wide, 1.0), 1.0)
    return np.asarray(curve.y[left] + (curve.y[right] - curve.y[left]) * share)


def _from_next(curve: Curve) -> NDArray[np.float64]:
    """Return y of the first point at each of the equidistant x or after it: precision is no straight line."""
    at = np.arange(STEPS + 1) / STEPS
    return np.asarray(curve.y[np.searchsorted(curve.x, at, side="left")])
