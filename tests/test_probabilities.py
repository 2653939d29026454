"""The areas, log loss, Brier score and calibration against scikit-learn and the naive way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as oracle

from reprise.evaluation import ranking
from reprise.evaluation.probabilities import (
    BINS,
    brier_scores,
    calibration,
    calibration_error,
    log_losses,
)
from reprise.foundation import seeds

CLOSE = 1e-12
scores = st.one_of(st.sampled_from([0.0, 0.1, 0.1 + 1e-9, 0.5, 1.0]), st.floats(0.0, 1.0))
scored = st.lists(st.tuples(st.booleans(), scores, st.integers(0, 3)), min_size=1, max_size=50)


@given(scored)
def test_areas_are_scikit_learns_with_ties_and_weights(rows):
    positive, score, weights = (np.array(column) for column in zip(*rows, strict=True))
    found = ranking.areas(ranking.rank(positive, score.astype(float)), weights)
    counted, repeated = np.repeat(positive, weights), np.repeat(score.astype(float), weights)
    if not counted.any():
        assert found == (None, None)
        return
    expected = oracle.average_precision_score(counted, repeated)
    assert found.precision_recall == pytest.approx(expected, abs=CLOSE)
    if counted.all():
        assert found.roc is None
    else:
        assert found.roc == pytest.approx(oracle.roc_auc_score(counted, repeated), abs=CLOSE)


def test_areas_of_many_rows_do_not_overflow():
    rows = 200_000
    positive, each = np.arange(rows) % 2 == 1, np.ones(rows, np.int64)
    for score, area in ((np.zeros(rows), 0.5), (positive.astype(float), 1.0), (-positive.astype(float), 0.0)):
        assert ranking.areas(ranking.rank(positive, score), each).roc == area


def made(rows: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return classes and probabilities, rounded as ours are."""
    actual = seeds.integers(rows, classes, 1, "test", "actual")
    raw = seeds.uniform(rows * classes, 1, "test", "chances").reshape(rows, classes) ** 3 + 1e-3
    raw[np.arange(rows), actual] += 0.3
    return actual, np.rint(raw / raw.sum(axis=1, keepdims=True) * 1e9) / 1e9


def test_means_over_classes_are_scikit_learns():
    actual, chances = made(300, 4)
    found = ranking.mean_areas(ranking.one_vs_rest(actual, chances), np.ones(300, np.int64))
    one_hot = np.eye(4)[actual]
    assert found == pytest.approx(
        {
            "roc_auc": oracle.roc_auc_score(one_hot, chances, average="macro"),
            "pr_auc": oracle.average_precision_score(one_hot, chances, average="macro"),
        },
        abs=CLOSE,
    )


def test_a_class_without_rows_is_left_out_of_the_means():
    actual, chances = made(100, 3)
    wider = np.concatenate([chances, np.zeros((100, 1))], axis=1)
    each = np.ones(100, np.int64)
    assert ranking.mean_areas(ranking.one_vs_rest(actual, wider), each) == ranking.mean_areas(
        ranking.one_vs_rest(actual, chances), each
    )


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_log_loss_and_brier_are_scikit_learns(classes):
    actual, chances = made(200, classes)
    losses = log_losses(chances[np.arange(200), actual])
    every = list(range(classes))
    assert losses.mean() == pytest.approx(oracle.log_loss(actual, chances, labels=every), rel=1e-7)
    found = brier_scores(actual, chances).mean()
    if classes == 2:
        assert found == pytest.approx(oracle.brier_score_loss(actual, chances[:, 1]), abs=CLOSE)
    else:
        assert found == pytest.approx(oracle.brier_score_loss(actual, chances, labels=every), abs=1e-8)


def test_a_probability_of_nothing_has_a_finite_loss():
    assert np.isfinite(log_losses(np.array([0.0, 1.0]))).all()
    assert log_losses(np.array([1.0]))[0] == 0.0


def naive_calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    total = 0.0
    for number in range(BINS):
        inside = (confidence > number / BINS) & (confidence <= (number + 1) / BINS)
        if inside.any():
            total += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return total


@pytest.mark.parametrize("classes", [2, 5])
def test_calibration_error_is_the_naive_one(classes):
    actual, chances = made(500, classes)
    predicted = chances.argmax(axis=1)
    rows = calibration(actual, predicted, chances)
    found = calibration_error(rows, np.ones(500, np.int64))
    expected = naive_calibration_error(chances.max(axis=1), actual == predicted)
    assert found == pytest.approx(expected, abs=1e-9)
    weights = seeds.integers(500, 3, 1, "test", "weights")
    repeated = calibration(*(np.repeat(part, weights, axis=0) for part in (actual, predicted, chances)))
    expected = calibration_error(repeated, np.ones(int(weights.sum()), np.int64))
    assert calibration_error(rows, weights) == expected
