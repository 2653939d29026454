"""The tables that `dvc plots` draws: one CSV file each, the same files for every task.

A file of another task has a header and no rows: DVC draws nothing for it, and a pipeline's dvc.yaml need not
know the task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation import calibration, curves, importance, residuals
from reprise.evaluation.metrics import classification_report, confusion_matrix
from reprise.evaluation.tables import Table
from reprise.foundation.files import csv_text, write_text
from reprise.model.inference import Inference
from reprise.prepared.schema import Schema

CONFUSION = ("actual", "predicted", "rows")
CLASSES = ("class", "precision", "recall", "f1", "support")


@dataclass(frozen=True)
class Judged:
    """Test rows, what was predicted for them, and the model.

    Attributes
    ----------
    schema : Schema
        The prepared data's.
    x : array (rows, *shape)
        As stored.
    actual, predicted : array (rows,)
        Class numbers (int64), or values in their own unit (float64).
    chances : array (rows, classes) or None
        Of each class; None for a regression.
    inference : Inference
        Computes the outputs of other rows, for the importance of columns.
    """

    schema: Schema
    x: NDArray[Any]
    actual: NDArray[Any]
    predicted: NDArray[Any]
    chances: NDArray[np.float64] | None
    inference: Inference


def write_plots(folder: Path, judged: Judged) -> None:
    """Write all tables into a folder."""
    for name, table in plot_tables(judged).items():
        write_text(folder / f"{name}.csv", csv_text(*table))


def plot_tables(judged: Judged) -> dict[str, Table]:
    """Return the tables by name."""
    made = {
        "roc": Table(curves.ROC, []),
        "precision_recall": Table(curves.PRECISION_RECALL, []),
        "calibration": Table(calibration.HEADER, []),
        "confusion": Table(CONFUSION, []),
        "classes": Table(CLASSES, []),
        "residuals": Table(residuals.RESIDUALS, []),
        "residual_histogram": Table(residuals.HISTOGRAM, []),
    }
    if judged.chances is None:
        made["residuals"] = residuals.residual_table(judged.actual, judged.predicted)
        made["residual_histogram"] = residuals.residual_histogram(judged.predicted - judged.actual)
    else:
        made |= _class_tables(judged, judged.chances)
    seed = judged.inference.card.train.seed
    made["importance"] = importance.importance_table(
        judged.schema, judged.x, judged.actual, judged.inference, seed
    )
    return made


def _class_tables(judged: Judged, chances: NDArray[np.float64]) -> dict[str, Table]:
    names, actual, predicted = judged.schema.classes, judged.actual, judged.predicted
    roc, precision_recall = curves.curve_tables(actual, chances, names)
    matrix = confusion_matrix(actual, predicted, len(names))
    report = classification_report(matrix, names)["classes"]
    confidence = chances[np.arange(len(predicted)), predicted]
    return {
        "roc": roc,
        "precision_recall": precision_recall,
        "calibration": calibration.calibration_table(predicted == actual, confidence),
        "confusion": Table(CONFUSION, list(_cells(matrix, names))),
        "classes": Table(CLASSES, [(name, *(report[name][of] for of in CLASSES[1:])) for name in names]),
    }


def _cells(matrix: NDArray[np.int64], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the cells with rows, the diagonal and the first class: a drawing has all classes in order."""
    keep = (matrix > 0) | np.eye(len(names), dtype=bool)
    keep[0] = True
    for actual, predicted in np.argwhere(keep).tolist():
        yield names[actual], names[predicted], int(matrix[actual, predicted])
