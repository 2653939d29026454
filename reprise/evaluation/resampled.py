"""The metrics as functions of how often each row counts, which is what the bootstrap asks for."""

from __future__ import annotations

import math

import numpy as np

from reprise.evaluation.answers import ClassAnswers, ValueAnswers
from reprise.evaluation.bootstrap import Weights, bootstrap, fixed_point, subset
from reprise.evaluation.intervals import Interval, wilson
from reprise.evaluation.metrics import Metrics, confusion_matrix, decision_metrics, mean
from reprise.evaluation.probabilities import brier_scores, calibration, calibration_error
from reprise.evaluation.ranking import mean_areas, one_vs_rest

RANK = 4  # passes over the rows that one class's areas take


def class_intervals(
    answers: ClassAnswers, metrics: Metrics, confidence: float, workers: int
) -> dict[str, Interval]:
    """Return the intervals of a classification's metrics: Wilson's of the accuracy, else the bootstrap's."""
    rows = len(answers.actual)
    chosen = subset(rows)
    some = answers.of(chosen)
    classes = some.chances.shape[1]
    losses = fixed_point(some.losses)
    squares = fixed_point(brier_scores(some.actual, some.chances))
    bins = calibration(some.actual, some.predicted, some.chances)
    rankings = one_vs_rest(some.actual, some.chances)

    def statistics(weights: Weights) -> Metrics:
        return {
            **decision_metrics(confusion_matrix(some.actual, some.predicted, classes, weights)),
            **mean_areas(rankings, weights),
            "log_loss": losses.mean(weights),
            "brier": squares.mean(weights),
            "calibration_error": calibration_error(bins, weights),
        }

    cost = RANK * len(rankings)
    found = bootstrap(statistics, len(chosen), metrics, rows, confidence, cost=cost, workers=workers)
    hits = int((answers.actual == answers.predicted).sum())
    return {**found, "accuracy": wilson(hits, rows, confidence)}


def value_intervals(
    answers: ValueAnswers, metrics: Metrics, confidence: float, workers: int
) -> dict[str, Interval]:
    """Return the intervals of a regression's metrics, the bootstrap's."""
    rows = len(answers.actual)
    if rows < 2:
        return {}
    chosen = subset(rows)
    actual, residual = answers.actual[chosen], answers.residual[chosen]
    squares, sizes = fixed_point(np.square(residual)), fixed_point(np.abs(residual))
    away = actual - mean(actual.tolist())
    distance, distance_squared = fixed_point(away), fixed_point(np.square(away))
    order = np.argsort(np.abs(residual), kind="stable")
    ordered = np.abs(residual)[order]

    def middle(weights: Weights) -> float:
        places = np.searchsorted(
            np.cumsum(weights[order]), [(len(chosen) - 1) // 2, len(chosen) // 2], side="right"
        )
        return 0.5 * float(ordered[places[0]] + ordered[places[1]])

    def statistics(weights: Weights) -> Metrics:
        mse = squares.mean(weights)
        offset = distance.mean(weights)
        spread = distance_squared.mean(weights) - offset * offset
        found = {
            "mse": mse,
            "rmse": math.sqrt(mse),
            "mae": sizes.mean(weights),
            "median_absolute_error": middle(weights),
        }
        # A resample of equal targets has nothing to explain; rounding may leave it a spread of nearly 0.
        if spread > 1e-12 * distance_squared.mean(np.ones_like(weights)):
            found["r2"] = 1.0 - mse / spread
        return found

    return bootstrap(statistics, len(chosen), metrics, rows, confidence, cost=RANK, workers=workers)
