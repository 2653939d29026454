"""The metrics against scikit-learn's."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from reprise.evaluation import metrics

CLOSE = 1e-12
FINITE = st.floats(-1e6, 1e6, allow_nan=False, width=32)


@st.composite
def classified(draw, smallest: int = 2, largest: int = 6):
    """Return (actual, predicted, number of classes); some classes may have no row."""
    classes = draw(st.integers(smallest, largest))
    rows = draw(st.integers(1, 60))
    column = arrays(np.int64, rows, elements=st.integers(0, classes - 1))
    return draw(column), draw(column), classes


@given(classified())
def test_decision_metrics_are_scikit_learns(case):
    actual, predicted, classes = case
    names = [f"class {number}" for number in range(classes)]
    matrix = metrics.confusion_matrix(actual, predicted, classes)
    found, report = metrics.decision_metrics(matrix), metrics.by_class(matrix, names)

    every = list(range(classes))
    assert (matrix == oracle.confusion_matrix(actual, predicted, labels=every)).all()
    expected = oracle.precision_recall_fscore_support(actual, predicted, labels=every, zero_division=0)
    for key, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [report[name][key] for name in names] == pytest.approx(column, abs=CLOSE)
    oracles = {
        "accuracy": oracle.accuracy_score(actual, predicted),
        "balanced_accuracy": np.mean([report[names[k]]["recall"] for k in set(actual.tolist())]),
        "macro_f1": oracle.f1_score(actual, predicted, average="macro", zero_division=0),
        "weighted_f1": oracle.f1_score(actual, predicted, average="weighted", zero_division=0),
    }
    if classes == 2:
        oracles["f1"] = oracle.f1_score(actual, predicted, zero_division=0)
    assert found == pytest.approx(oracles, abs=CLOSE)


def test_balanced_accuracy_is_scikit_learns():
    actual, predicted = np.array([0, 0, 0, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 2])
    matrix = metrics.confusion_matrix(actual, predicted, 4)  # the last class has no row
    found = metrics.decision_metrics(matrix)["balanced_accuracy"]
    assert found == pytest.approx(oracle.balanced_accuracy_score(actual, predicted), abs=CLOSE)


@given(classified(), st.randoms(use_true_random=False))
def test_a_weight_counts_a_row_as_often_as_it_says(case, random):
    actual, predicted, classes = case
    weights = np.array([random.randrange(4) for _ in actual])
    repeated = metrics.confusion_matrix(np.repeat(actual, weights), np.repeat(predicted, weights), classes)
    assert (metrics.confusion_matrix(actual, predicted, classes, weights) == repeated).all()


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(*[arrays(np.float32, n, elements=FINITE)] * 2)))
def test_value_metrics_are_scikit_learns(columns):
    actual, predicted = (column.astype(np.float64) for column in columns)
    found = metrics.value_metrics(actual, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r2 = oracle.r2_score(actual, predicted)
    # A target that is constant but for rounding divides by nearly nothing: both are noise then.
    spread = np.ptp(actual)
    assert ("r2" in found) == (spread > 0)
    if spread > 1e-6 * np.abs(actual).max():
        assert found["r2"] == pytest.approx(r2, rel=1e-9, abs=CLOSE)
    for name, value in (
        ("mse", oracle.mean_squared_error(actual, predicted)),
        ("rmse", oracle.root_mean_squared_error(actual, predicted)),
        ("mae", oracle.mean_absolute_error(actual, predicted)),
        ("median_absolute_error", oracle.median_absolute_error(actual, predicted)),
    ):
        assert found[name] == pytest.approx(value, rel=CLOSE, abs=CLOSE)
    json.dumps(found, allow_nan=False)


@given(st.lists(FINITE, min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_mean_does_not_depend_on_the_order(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert metrics.mean(values) == metrics.mean(shuffled)
