"""The worst mistakes, by the names under which a person finds their rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation.answers import ClassAnswers, ValueAnswers
from reprise.evaluation.label_errors import likely_label_errors
from reprise.evaluation.tables import VALUES, Table
from reprise.prepared.names import RowNames

MISTAKES = 100  # rows of the table
CLASSES = ("actual", "predicted", "probability_of_predicted", "probability_of_actual", "label_error")


class Mistakes(NamedTuple):
    """What went wrong.

    Attributes
    ----------
    table : Table
        The worst rows, the worst first.
    told : str
        The mistakes in one line.
    """

    table: Table
    told: str


def wrong_classes(names: RowNames, answers: ClassAnswers, classes: tuple[str, ...]) -> Mistakes:
    """Return the rows whose class was missed, those first where the model was surest of the wrong one.

    Parameters
    ----------
    names : RowNames
    answers : ClassAnswers
    classes : tuple of str
        The classes' names.
    """
    actual, predicted, chances = answers.actual, answers.predicted, answers.chances
    of_predicted, of_actual = chances[np.arange(len(actual)), predicted], answers.chance_of_actual
    suspicious = likely_label_errors(actual, chances)
    wrong = np.flatnonzero(predicted != actual)
    order = wrong[np.argsort(-of_predicted[wrong], kind="stable")]  # equals stay in row order
    told = f"{len(wrong):,} of {len(actual):,} rows wrong"
    if len(wrong):
        worst = int(order[0])
        told += f"; the worst: {names.told(worst)} is {classes[actual[worst]]}, "
        told += f"predicted {classes[predicted[worst]]}"
    if count := int(suspicious[wrong].sum()):
        told += f"; {count:,} may be labelled wrongly (label_error in mistakes.csv)"
    columns = (
        [classes[number] for number in actual[order[:MISTAKES]].tolist()],
        [classes[number] for number in predicted[order[:MISTAKES]].tolist()],
        of_predicted[order[:MISTAKES]].tolist(),
        of_actual[order[:MISTAKES]].tolist(),
        ["true" if wrongly else "false" for wrongly in suspicious[order[:MISTAKES]].tolist()],
    )
    return Mistakes(_table(names, order, CLASSES, columns), told)


def largest_residuals(names: RowNames, answers: ValueAnswers) -> Mistakes:
    """Return the rows whose prediction is furthest off, the furthest first."""
    actual, predicted, residual = answers.actual, answers.predicted, answers.residual
    order = np.argsort(-np.abs(residual), kind="stable")
    worst = int(order[0])
    told = f"furthest off: {names.told(worst)} is {actual[worst]:.6g}, predicted {predicted[worst]:.6g}"
    columns = [column[order[:MISTAKES]].tolist() for column in (actual, predicted, residual)]
    return Mistakes(_table(names, order, VALUES, columns), told)


def _table(names: RowNames, order: NDArray[np.intp], header: tuple[str, ...], columns: Any) -> Table:
    """Return the first rows of an order: their names, then the columns, which are of these rows."""
    named = [names.cells(place) for place in order[:MISTAKES].tolist()]
    rows = [(*cells, *values) for cells, *values in zip(named, *columns, strict=True)]
    return Table((*names.columns, *header), rows)
