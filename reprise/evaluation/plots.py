"""The tables that `dvc plots` draws: one CSV file each, the same files for every task.

A file of another task has a header and no rows: DVC draws nothing for it, and a pipeline's dvc.yaml need not
know the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation import curves, residuals
from reprise.evaluation.answers import Answers, ClassAnswers
from reprise.evaluation.importance import importance_table
from reprise.evaluation.metrics import by_class, confusion_matrix
from reprise.evaluation.probabilities import BINS, UNIT, Calibration, calibration
from reprise.evaluation.tables import Table
from reprise.model.inference import Inference

CALIBRATION = ("low", "high", "rows", "confidence", "accuracy")
CONFUSION = ("actual", "predicted", "rows")
CLASSES = ("class", "precision", "recall", "f1", "support")


def plot_tables(answers: Answers, x: NDArray[Any], inference: Inference) -> dict[str, Table]:
    """Return the tables by name.

    Parameters
    ----------
    answers : ClassAnswers or ValueAnswers
    x : array (rows, *shape)
        The test rows as they are stored.
    inference : Inference
        Computes the outputs of other rows, for the importance of columns.
    """
    schema, seed = inference.card.data, inference.card.train.seed
    made = {
        "roc": Table(curves.ROC, []),
        "precision_recall": Table(curves.PRECISION_RECALL, []),
        "calibration": Table(CALIBRATION, []),
        "confusion": Table(CONFUSION, []),
        "classes": Table(CLASSES, []),
        "residuals": Table(residuals.RESIDUALS, []),
        "residual_histogram": Table(residuals.HISTOGRAM, []),
        "importance": importance_table(schema, x, answers.actual, inference, seed),
    }
    if isinstance(answers, ClassAnswers):
        return made | _class_tables(answers, schema.classes)
    made["residuals"] = residuals.residual_table(answers.actual, answers.predicted)
    made["residual_histogram"] = residuals.residual_histogram(answers.residual)
    return made


def _class_tables(answers: ClassAnswers, names: Sequence[str]) -> dict[str, Table]:
    actual, predicted, chances = answers.actual, answers.predicted, answers.chances
    roc, precision_recall = curves.curve_tables(actual, chances, names)
    matrix = confusion_matrix(actual, predicted, len(names))
    report = by_class(matrix, names)
    return {
        "roc": roc,
        "precision_recall": precision_recall,
        "calibration": calibration_table(calibration(actual, predicted, chances)),
        "confusion": Table(CONFUSION, list(_cells(matrix, names))),
        "classes": Table(CLASSES, [(name, *(report[name][of] for of in CLASSES[1:])) for name in names]),
    }


def calibration_table(rows: Calibration) -> Table:
    """Return the reliability diagram: for each bin that has rows its ends, its rows, their mean and hits."""
    table = []
    for number in range(BINS):
        inside = rows.bin == number
        size = int(inside.sum())
        if size:
            confidence = int(rows.confidence[inside].sum()) / (UNIT * size)
            hits = int(rows.right[inside].sum())
            table.append((number / BINS, (number + 1) / BINS, size, confidence, hits / size))
    return Table(CALIBRATION, table)


def _cells(matrix: NDArray[np.int64], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the cells with rows, the diagonal and the first class: a drawing has all classes in order."""
    keep = (matrix > 0) | np.eye(len(names), dtype=bool)
    keep[0] = True
    for actual, predicted in np.argwhere(keep).tolist():
        yield names[actual], names[predicted], int(matrix[actual, predicted])
