"""Comparing experiments: the tests beside scipy's, what is refused, what is told."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, bootstrap

from reprise.comparison import words
from reprise.comparison.bootstrap import difference_interval, interval
from reprise.comparison.compare import compare
from reprise.comparison.figures import LOG_LOSS, MAE, RMSE, with_intervals
from reprise.comparison.mcnemar import mcnemar
from reprise.comparison.predictions import joined, read_predictions
from reprise.comparison.settings import changed_params
from reprise.foundation.errors import UserError

AB = ("main", "wide")
CLASSES = "row,actual,predicted,probability_of_actual\n"
VALUES = "row,actual,predicted,residual\n"


def classes(*lines: str):
    return read_predictions(CLASSES + "".join(f"{line}\n" for line in lines), "A")


def values(actual, predicted):
    lines = (
        f"{row},{a!r},{p!r},{p - a!r}\n" for row, (a, p) in enumerate(zip(actual, predicted, strict=True))
    )
    return read_predictions(VALUES + "".join(lines), "A")


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_the_exact_binomial_test(one, other):
    expected = binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert mcnemar(one, other) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_of_many_rows_is_still_exact():
    assert mcnemar(50_000, 51_000) == pytest.approx(binomtest(50_000, 101_000, 0.5).pvalue, rel=1e-9)
    assert mcnemar(0, 2000) == 0.0  # too small for a float


def test_the_interval_of_a_mean_is_scipys_percentile_bootstrap():
    column = np.random.default_rng(2).exponential(size=400)
    expected = bootstrap((column,), np.mean, method="percentile", n_resamples=9999, rng=3).confidence_interval
    found = interval(column, float)
    assert found.low == pytest.approx(expected.low, abs=0.01)
    assert found.high == pytest.approx(expected.high, abs=0.01)


def test_the_interval_of_a_difference_resamples_both_together():
    random = np.random.default_rng(4)
    first = random.exponential(size=300)
    second = first + 0.01  # far less than rows differ, but the same on each
    assert difference_interval(first, second, float) == pytest.approx((0.01, 0.01))

    def statistic(a, b):
        return np.sqrt(np.mean(b)) - np.sqrt(np.mean(a))

    second = random.exponential(size=300)
    expected = bootstrap(
        (first, second),
        statistic,
        paired=True,
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=5,
    ).confidence_interval
    found = difference_interval(first, second, math.sqrt)
    assert found == pytest.approx((expected.low, expected.high), abs=0.01)


def test_the_figures_are_the_usual_ones():
    found = classes("4,a,a,0.5", "2,b,a,0.25", "9,b,b,1.0", "7,a,b,0.0")
    assert found.rows.tolist() == [2, 4, 7, 9]
    expected = (math.log(2) + math.log(4) + 0.0 - math.log(1e-9)) / 4
    assert LOG_LOSS.value(found) == pytest.approx(expected, rel=1e-12)
    assert with_intervals(found)["accuracy"][0] == 0.5
    numbers = values([1.0, 2.0, 3.0], [1.5, 2.0, 1.0])
    assert RMSE.value(numbers) == pytest.approx(math.sqrt((0.25 + 4) / 3))
    assert MAE.value(numbers) == pytest.approx(2.5 / 3)
    assert joined([numbers, numbers]).rows.tolist() == [0, 1, 2, 0, 1, 2]


def test_words_tell_who_is_right_where():
    lines = [f"{row},x,x,0.9" for row in range(20)]
    first = classes(*(line.replace("x,x", "x,y") if row < 3 else line for row, line in enumerate(lines)))
    second = classes(*(line.replace("x,x", "x,y") if row >= 6 else line for row, line in enumerate(lines)))
    found = compare(first, second, AB)
    assert found.accuracy is not None
    assert (found.accuracy.only_first, found.accuracy.only_second) == (14, 3)
    told = words.in_words(found, {"train.lr": (0.1, 0.2)}, AB)
    assert (
        "accuracy: 0.8500 → 0.3000: wide is right on 3 rows where main is wrong "
        "and wrong on 14 where main is right: p = 0.013, more than chance" in told
    )
    assert "log loss: 0.1054 → 0.1054: no difference" in told
    assert told.endswith("params that differ:\n  train.lr: 0.1 → 0.2")
    numbers = words.as_json(found, {}, AB)["metrics"]["accuracy"]
    assert numbers["p"] == pytest.approx(binomtest(3, 17).pvalue)
    assert json.loads(json.dumps(numbers)) == numbers
    page = words.as_markdown(found, {"prepare.csv.separator": ("|", ",")}, AB)
    assert "| accuracy | 0.8500 | 0.3000 | wide is right on 3 rows" in page
    assert r"| `prepare.csv.separator` | \| | , |" in page


def test_a_regression_is_compared_by_its_errors():
    actual = np.random.default_rng(6).normal(size=200).tolist()
    near = values(actual, [value + 0.1 for value in actual])
    far = values(actual, [value + 1.0 for value in actual])
    found = compare(near, far, AB)
    assert found.accuracy is None
    assert [difference.name for difference in found.differences] == ["rmse", "mae"]
    for difference in found.differences:
        assert difference.more_than_chance
        assert difference.interval == pytest.approx((0.9, 0.9))
    assert "rmse: 0.1000 → 1.0000: +0.9000 (0.95 interval +0.9000 to +0.9000), more than chance" in (
        words.in_words(found, {}, AB)
    )


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            classes("1,a,a,0.9", "2,a,a,0.9", "3,a,a,0.9"),
            "of 2 test rows of main and 3 of wide 2 are the same",
        ),
        (classes("2,a,a,0.9", "3,a,a,0.9"), "1 are the same"),
        (classes("1,a,a,0.9", "2,b,a,0.9"), "row 2 is a in main and b in wide: other data"),
        (values([1.0, 2.0], [1.0, 2.0]), "main is a classification, wide a regression"),
        (classes("1,a,a,0.9"), "wide has 1 test row.s., which tell nothing"),
    ],
)
def test_what_can_not_be_compared_is_refused(second, message):
    with pytest.raises(UserError, match=message):
        compare(classes("1,a,a,0.9", "2,a,a,0.9"), second, AB)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "actual,predicted\na,a\n",
            "v1: metrics: is an older version's .its columns are actual,predicted, not",
        ),
        ("", "its columns are none"),
        (CLASSES + "1,a\n", "v1: metrics: a line is not row,actual"),
        (CLASSES + "one,a,a,0.5\n", "a line is not row,actual"),
    ],
)
def test_files_of_another_version_are_refused(text, message):
    with pytest.raises(UserError, match=message):
        read_predictions(text, "v1: metrics")


def test_params_that_differ_are_named():
    first = "train:\n  lr: 1e-05\n  epochs: 3\n  augment: {shift: 1}\nevaluate:\n  bar: {metric: accuracy}\n"
    second = "train:\n  lr: 0.00001\n  epochs: 4\n  seed: 2\n  augment: {shift: 1}\nevaluate:\n  bar: null\n"
    assert changed_params(first, second, AB) == {
        "train.epochs": (3, 4),
        "evaluate.bar.metric": ("accuracy", "not set"),
        "train.seed": ("not set", 2),
    }
    with pytest.raises(UserError, match="wide: its params file is not valid YAML"):
        changed_params(first, "a: [", AB)
