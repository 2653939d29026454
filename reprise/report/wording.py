"""Metrics and numbers in words."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MINUS = "\N{MINUS SIGN}"


class Metric(NamedTuple):
    """How a metric is called and what it says."""

    label: str
    meaning: str


# In the order of the page; the first one of a task is the one that models are compared by.
METRICS = {
    "accuracy": Metric("accuracy", "share of rows predicted right"),
    "balanced_accuracy": Metric("balanced accuracy", "mean over the classes of the share found"),
    "macro_f1": Metric("macro F1", "F1 averaged over the classes"),
    "weighted_f1": Metric("weighted F1", "F1 weighted by the classes' rows"),
    "f1": Metric("F1", "of the second class"),
    "roc_auc": Metric("ROC AUC", "how often a row of a class ranks above one of another"),
    "pr_auc": Metric("PR AUC", "average precision over all thresholds"),
    "log_loss": Metric("log loss", "in nats; less is better"),
    "brier": Metric("Brier score", "squared distance of the probabilities; less is better"),
    "calibration_error": Metric("calibration error", "probabilities against what happens; less is better"),
    "rmse": Metric("RMSE", "root mean squared error; less is better"),
    "mae": Metric("mean absolute error", "less is better"),
    "median_absolute_error": Metric("median absolute error", "half of the rows are closer"),
    "r2": Metric("R²", "share of the variance explained"),
    "interval_coverage": Metric("interval coverage", "rows inside their prediction interval"),
    "mse": Metric("MSE", "mean squared error; less is better"),
}
FIRST = {"classification": "accuracy", "regression": "rmse"}


def metric(name: str) -> Metric:
    """Return how a metric is called; one of a user's own has its own name."""
    return METRICS.get(name) or Metric(name.replace("_", " "), "own/metrics.py")


def in_order(names: set[str]) -> list[str]:
    """Return metrics' names in the order of the page, a user's own last."""
    return [name for name in METRICS if name in names] + sorted(names - METRICS.keys())


def number(value: float) -> str:
    """Return a figure with about four digits that count."""
    size = abs(value)
    if size == 0.0 or 0.001 <= size < 10.0:
        text = f"{value:.4f}"
    elif size < 0.001 or size >= 1e7:
        text = f"{value:.3g}"
    else:
        text = f"{value:,.{1 if size >= 1000.0 else 2}f}"
    return text.replace("-", MINUS, 1) if value < 0.0 else text


def percent(share: float) -> str:
    """Return a share in percent, without the sign; nothing but all and none are 100.0 and 0.0."""
    for decimals in (1, 2, 3):
        text = f"{100.0 * share:.{decimals}f}"
        if share in (0.0, 1.0) or 0.0 < float(text) < 100.0:
            return text
    return text


def place(value: float, full: float) -> float:
    """Return how far along a bar a value lies, in percent of the bar's width."""
    return round(100.0 * min(max(value / full, 0.0), 1.0), 2)


def setting(value: Any) -> str:
    """Return a parameter as it would stand in params.yaml."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def settings(values: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Return nested parameters as dotted keys with their texts."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        key = f"{before}{name}"
        found += settings(value, f"{key}.") if isinstance(value, dict) else [(key, setting(value))]
    return found
