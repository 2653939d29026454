"""What a model, or a baseline, answered for the test rows, beside what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassAnswers:
    """Answers of a classification.

    Attributes
    ----------
    actual, predicted : array (rows,)
        Class numbers, int64.
    chances : array (rows, classes)
        Probabilities, rounded as they are written (`reprise.model.inference.DECIMALS`).
    losses : array (rows,)
        Each row's cross-entropy in nats, from unrounded probabilities.
    """

    actual: NDArray[np.int64]
    predicted: NDArray[np.int64]
    chances: NDArray[np.float64]
    losses: NDArray[np.float64]

    def of(self, rows: NDArray[np.int64]) -> ClassAnswers:
        """Return those of some rows."""
        return ClassAnswers(self.actual[rows], self.predicted[rows], self.chances[rows], self.losses[rows])

    @property
    def chance_of_actual(self) -> NDArray[np.float64]:
        """The probability of each row's own class, (rows,)."""
        return np.asarray(self.chances[np.arange(len(self.actual)), self.actual])


@dataclass(frozen=True)
class ValueAnswers:
    """Answers of a regression, in the target's own unit: arrays (rows,) of float64."""

    actual: NDArray[np.float64]
    predicted: NDArray[np.float64]

    @property
    def residual(self) -> NDArray[np.float64]:
        """Predicted less actual, (rows,)."""
        return self.predicted - self.actual


Answers = ClassAnswers | ValueAnswers
