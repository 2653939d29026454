"""predictions.csv, read back: what each test row is and what was predicted."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reprise.evaluation import tables
from reprise.foundation.elementary import log
from reprise.foundation.errors import UserError

Floats = NDArray[np.float64]
CLASSES, VALUES = (["row", *columns] for columns in (tables.CLASSES, tables.VALUES))
LEAST = 1e-9  # probabilities are written with nine decimals; 0 is taken for this


@dataclass(frozen=True, eq=False)
class Predictions:
    """The predictions of one experiment, in the order of their rows.

    Attributes
    ----------
    rows : array (rows,) of int64
    actual, predicted : list of str
        Class names, or numbers as they stand there.
    probability : array (rows,) or None
        Of the actual class; None for a regression.
    """

    rows: NDArray[np.int64]
    actual: list[str]
    predicted: list[str]
    probability: Floats | None

    @property
    def task(self) -> str:
        """The task, in a word."""
        return "regression" if self.probability is None else "classification"

    def right(self) -> NDArray[np.bool_]:
        """Return which rows' class was predicted, shape (rows,)."""
        return np.array([a == p for a, p in zip(self.actual, self.predicted, strict=True)], np.bool_)

    def log_losses(self) -> Floats:
        """Return each row's log loss, shape (rows,)."""
        assert self.probability is not None
        return -log(np.maximum(self.probability, LEAST))

    def residuals(self) -> Floats:
        """Return predicted - actual of each row, shape (rows,)."""
        return np.array(self.predicted, np.float64) - np.array(self.actual, np.float64)


def read_predictions(text: str, where: str) -> Predictions:
    """Return the content of a predictions.csv.

    Parameters
    ----------
    text : str
    where : str
        Its name, for messages.

    Raises
    ------
    UserError
        If it is another version's, or damaged.
    """
    header, *lines = list(csv.reader(io.StringIO(text))) or [[]]
    if header not in (CLASSES, VALUES):
        raise UserError(
            f"{where}: is an older version's (its columns are {','.join(header) or 'none'}, not "
            f"{','.join(CLASSES)} or {','.join(VALUES)}); run dvc repro there with this version"
        )
    try:
        rows = np.array([int(line[0]) for line in lines], np.int64)
        last = np.array([float(line[3]) for line in lines], np.float64)
    except (ValueError, IndexError):
        raise UserError(f"{where}: a line is not {','.join(header)}; run the evaluate stage again") from None
    order = np.argsort(rows, kind="stable")
    actual, predicted = ([lines[place][column] for place in order.tolist()] for column in (1, 2))
    return Predictions(rows[order], actual, predicted, last[order] if header == CLASSES else None)


def joined(parts: list[Predictions]) -> Predictions:
    """Return the predictions of several test splits of one dataset as one."""
    probability = None
    if parts[0].probability is not None:
        probability = np.concatenate([part.probability for part in parts if part.probability is not None])
    return Predictions(
        np.concatenate([part.rows for part in parts]),
        [text for part in parts for text in part.actual],
        [text for part in parts for text in part.predicted],
        probability,
    )
