"""The metrics of answers, whoever gave them."""

from __future__ import annotations

import numpy as np

from reprise.evaluation.answers import Answers, ClassAnswers
from reprise.evaluation.metrics import Metrics, confusion_matrix, decision_metrics, mean, value_metrics
from reprise.evaluation.probabilities import brier_scores, calibration, calibration_error
from reprise.evaluation.ranking import mean_areas, one_vs_rest

# What metrics.json holds and `dvc metrics diff` shows; the others stand in details.json. The first is the one
# that models are compared by.
HEADLINE = {
    "classification": (
        "accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "pr_auc", "log_loss", "brier",
        "calibration_error",
    ),
    "regression": ("rmse", "mae", "median_absolute_error", "r2", "interval_coverage"),
}  # fmt: skip


def metrics_of(answers: Answers) -> Metrics:
    """Return every metric that is defined for these answers, by name."""
    if not isinstance(answers, ClassAnswers):
        return value_metrics(answers.actual, answers.predicted)
    actual, predicted, chances = answers.actual, answers.predicted, answers.chances
    each = np.ones(len(actual), np.int64)
    return {
        **decision_metrics(confusion_matrix(actual, predicted, chances.shape[1])),
        **mean_areas(one_vs_rest(actual, chances), each),
        "log_loss": mean(answers.losses.tolist()),
        "brier": mean(brier_scores(actual, chances).tolist()),
        "calibration_error": calibration_error(calibration(actual, predicted, chances), each),
    }
