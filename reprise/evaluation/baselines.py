"""What simpler models reach on the same split: the majority class or the mean, and a linear model.

They are computed in our own arithmetic, so that their figures may stand in files that DVC hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.arithmetic.linear_solver import LinearProblem, solve
from reprise.evaluation.answers import Answers, ClassAnswers, ValueAnswers
from reprise.evaluation.judged import metrics_of
from reprise.evaluation.metrics import Metrics, mean
from reprise.evaluation.probabilities import log_losses
from reprise.foundation import seeds
from reprise.model.inference import PortableProgram, rounded
from reprise.model.losses import kernel_loss, portable_probabilities
from reprise.model.tensors import Normaliser, Rows, load_rows, unscale_target
from reprise.prepared.schema import Schema

MOST_COLUMNS = 2048  # of a linear baseline: their products with each other are kept
LINEAR_WORK = 32 * 10**6  # rows times columns times outputs: about a second
PRECISION = 1e-5  # of the solution: a step that gains less of the loss is not taken
SEED = 1  # of the choice of rows where all would take too long


@dataclass(frozen=True)
class Baseline:
    """A simpler model's figures.

    Attributes
    ----------
    key, name : str
        In files, and in words.
    metrics : dict
    fitted, rows : int
        How many rows it was fitted to, and how many there are.
    """

    key: str
    name: str
    metrics: Metrics
    fitted: int
    rows: int

    def told(self) -> str:
        """Return its name, with the rows where these are not all."""
        return (
            self.name if self.fitted == self.rows else f"{self.name} ({self.fitted:,} of {self.rows:,} rows)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value to store."""
        return {
            "key": self.key,
            "name": self.name,
            "metrics": self.metrics,
            "fitted_rows": self.fitted,
            "rows": self.rows,
        }


@dataclass(frozen=True)
class Learnt:
    """The rows that a model has seen: train and validation.

    Attributes
    ----------
    x : Tensor (rows, *shape)
        As stored.
    y : Tensor (rows,)
        Class numbers, or values in units of the schema's target scale.
    normalise : Normaliser
    """

    x: Tensor
    y: Tensor
    normalise: Normaliser

    def some(self, most: int) -> tuple[NDArray[np.float32], NDArray[np.generic]]:
        """Return at most so many rows, chosen at random, normalised and flat, and their targets."""
        chosen = np.sort(seeds.permutation(len(self.y), SEED, "baseline")[: max(1, most)])
        x = self.normalise(self.x[chosen]).reshape(len(chosen), -1)
        return x.numpy(), self.y.numpy()[chosen]


def learnt_rows(folder: Path, schema: Schema) -> Learnt:
    """Read the train and the validation split."""
    cpu = torch.device("cpu")
    parts: list[Rows] = [load_rows(folder, schema, "train", cpu), load_rows(folder, schema, "val", cpu)]
    x, y = (torch.cat(columns) for columns in ([p.x for p in parts], [p.y for p in parts]))
    return Learnt(x, y, parts[0].normalise)


def constant(schema: Schema, learnt: Learnt, actual: NDArray[np.generic]) -> Baseline:
    """Return what one answer for all rows reaches: the majority class (with all shares), or the mean."""
    y, count = learnt.y.numpy(), len(actual)
    answers: Answers
    if schema.task == "classification":
        numbers = np.bincount(y, minlength=len(schema.classes))
        shares = np.broadcast_to(numbers / len(y), (count, len(numbers)))
        most = np.full(count, int(numbers.argmax()))
        answers = class_answers(actual.astype(np.int64), shares, most)
    else:
        value = mean(unscale_target(learnt.y, schema.target_scale).tolist())
        answers = ValueAnswers(actual.astype(np.float64), np.full(count, value))
    key, name = ("majority", "majority class") if schema.classes else ("mean", "mean of the target")
    return Baseline(key, name, metrics_of(answers), len(y), len(y))


def unfit_for_linear(schema: Schema) -> str | None:
    """Return why there is no linear baseline; None: there is."""
    columns = int(np.prod(schema.shape))
    return f"{columns:,} columns are more than {MOST_COLUMNS:,}" if columns > MOST_COLUMNS else None


def linear(
    schema: Schema, learnt: Learnt, test_x: NDArray[np.generic], actual: NDArray[np.generic]
) -> Baseline:
    """Return what logistic or ridge regression reaches.

    With scikit-learn's own strength of the penalty, ``LogisticRegression(C=1)`` and ``Ridge(alpha=1)``, on
    prepared rows, of which so many are taken as a second allows.
    """
    classifies = schema.task == "classification"
    outputs = len(schema.classes) if len(schema.classes) > 2 else 1
    x, y = learnt.some(LINEAR_WORK // (int(np.prod(schema.shape)) * outputs))
    problem = LinearProblem(x, y, kernel_loss(torch.from_numpy(y), outputs), outputs, 0.0)
    # Their penalties are on sums over the rows, and half of the squares' only with cross-entropy.
    weight_decay = (1.0 if classifies else 2.0) / len(y)
    slopes, shifts = problem.in_own_unit(solve(problem, weight_decay, precision=PRECISION).weights)
    layer = nn.Linear(slopes.shape[1], outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(slopes))
        layer.bias.copy_(torch.from_numpy(shifts))
    program = PortableProgram(nn.Sequential(nn.Flatten(), layer).eval(), schema.shape)
    made = program.outputs(torch.from_numpy(test_x), learnt.normalise)
    answers: Answers
    if classifies:
        answers = class_answers(actual.astype(np.int64), portable_probabilities(made))
    else:
        values = unscale_target(made[:, 0], schema.target_scale)
        answers = ValueAnswers(actual.astype(np.float64), values.numpy().astype(np.float64))
    key, name = ("logistic", "logistic regression") if classifies else ("ridge", "ridge regression")
    return Baseline(key, name, metrics_of(answers), len(y), len(learnt.y))


def class_answers(
    actual: NDArray[np.int64], exact: NDArray[np.float64], predicted: NDArray[np.int64] | None = None
) -> ClassAnswers:
    """Return answers from unrounded probabilities, (rows, classes); by default the most probable class."""
    decided = exact.argmax(axis=1) if predicted is None else predicted
    losses = log_losses(exact[np.arange(len(actual)), actual])
    return ClassAnswers(actual, decided, rounded(exact), losses)
