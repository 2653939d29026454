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
def test_classification_report_is_scikit_learns(case):
    actual, predicted, classes = case
    names = [f"class {number}" for number in range(classes)]
    matrix = metrics.confusion_matrix(actual, predicted, classes)
    report = metrics.classification_report(matrix, names)

    every = list(range(classes))
    assert (matrix == oracle.confusion_matrix(actual, predicted, labels=every)).all()
    assert report["accuracy"] == pytest.approx(oracle.accuracy_score(actual, predicted), abs=CLOSE)
    expected = oracle.precision_recall_fscore_support(actual, predicted, labels=every, zero_division=0)
    for key, column in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert [report["classes"][name][key] for name in names] == pytest.approx(column, abs=CLOSE)
    macro = oracle.f1_score(actual, predicted, average="macro", zero_division=0)
    assert report["macro_f1"] == pytest.approx(macro, abs=CLOSE)
    if classes == 2:
        binary = oracle.f1_score(actual, predicted, zero_division=0)
        assert report["f1"] == pytest.approx(binary, abs=CLOSE)
    else:
        assert "f1" not in report
    json.dumps(report, allow_nan=False)


@given(classified(largest=2), st.randoms(use_true_random=False))
def test_auc_is_scikit_learns_with_ties(case, random):
    actual, _, _ = case
    score = np.array([random.choice((0.0, 0.1, 0.1 + 1e-9, 0.5, random.random(), 1.0)) for _ in actual])
    found = metrics.auc(actual, score)
    if len(set(actual.tolist())) == 1:
        assert found is None
    else:
        assert found == pytest.approx(oracle.roc_auc_score(actual, score), abs=CLOSE)


def test_auc_of_many_rows_does_not_overflow():
    rows = 200_000
    actual = np.arange(rows) % 2
    assert metrics.auc(actual, np.zeros(rows)) == 0.5
    assert metrics.auc(actual, actual.astype(float)) == 1.0
    assert metrics.auc(actual, -actual.astype(float)) == 0.0


@given(st.integers(2, 60).flatmap(lambda n: st.tuples(*[arrays(np.float32, n, elements=FINITE)] * 2)))
def test_regression_report_is_scikit_learns(columns):
    actual, predicted = (column.astype(np.float64) for column in columns)
    report = metrics.regression_report(actual, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r2 = oracle.r2_score(actual, predicted)
    # A target that is constant but for rounding divides by nearly nothing: both are noise then.
    spread = np.ptp(actual)
    if spread == 0 or spread > 1e-6 * np.abs(actual).max():
        assert report["r2"] == pytest.approx(r2, rel=1e-9, abs=CLOSE)
    for name, found in (
        ("mse", oracle.mean_squared_error(actual, predicted)),
        ("rmse", oracle.root_mean_squared_error(actual, predicted)),
        ("mae", oracle.mean_absolute_error(actual, predicted)),
        ("loss", oracle.mean_squared_error(actual, predicted)),
    ):
        assert report[name] == pytest.approx(found, rel=CLOSE, abs=CLOSE)
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(("predicted", "r2"), [([3.0, 3.0], 1.0), ([3.0, 3.5], 0.0)])
def test_r2_of_a_constant_target_is_defined(predicted, r2):
    assert metrics.regression_report(np.array([3.0, 3.0]), np.array(predicted))["r2"] == r2
    assert oracle.r2_score([3.0, 3.0], predicted) == r2


def test_r2_of_a_single_row_is_defined():
    assert metrics.regression_report(np.array([3.0]), np.array([4.0]))["r2"] == 0.0


@given(st.lists(FINITE, min_size=1, max_size=50), st.randoms(use_true_random=False))
def test_mean_does_not_depend_on_the_order(values, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    assert metrics.mean(values) == metrics.mean(shuffled)
