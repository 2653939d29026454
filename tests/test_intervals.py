"""The intervals against scipy's, and against what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reprise.evaluation.bar import judge_bar
from reprise.evaluation.intervals import Interval, quantile, wilson
from reprise.foundation import seeds
from reprise.foundation.errors import UserError
from reprise.settings.params import Bar


@pytest.mark.parametrize("confidence", [0.51, 0.9, 0.95, 0.99, 0.9999])
def test_quantile_is_scipys(confidence):
    assert quantile(confidence) == pytest.approx(stats.norm.ppf(0.5 + confidence / 2), abs=6e-7)


@given(st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case):
    successes, count = case
    expected = stats.binomtest(successes, count).proportion_ci(confidence_level=0.95, method="wilson")
    found = wilson(successes, count, 0.95)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert 0.0 <= found.low <= successes / count <= found.high <= 1.0
    assert successes / count in found


def test_wilson_covers_the_true_share_as_often_as_it_says():
    rows, share = 200, 0.9
    tests = 2000
    hits = (seeds.uniform(rows * tests, 7, "coverage").reshape(tests, rows) < share).sum(axis=1)
    covered = np.mean([share in wilson(int(h), rows, 0.95) for h in hits])
    assert 0.93 < covered < 0.97


METRICS = {"accuracy": 0.9701, "loss": 0.1}
INTERVALS = {"accuracy": Interval(0.95, 0.98)}


@pytest.mark.parametrize(
    ("bar", "line"),
    [
        (Bar(at_least=0.985), "accuracy 0.9701 is below at_least 0.985"),
        (Bar(metric="loss", at_most=0.05), "loss 0.1000 is above at_most 0.05"),
        (Bar(interval_contains=0.5), "accuracy 0.9701 (interval 0.9500 to 0.9800) does not contain 0.5"),
        (Bar(at_least=0.97011), "accuracy 0.9701 is below at_least 0.97011"),
        (
            Bar(at_least=0.99, at_most=0.5, interval_contains=0.96),
            "accuracy 0.9701 is below at_least 0.99; accuracy 0.9701 is above at_most 0.5",
        ),
    ],
)
def test_a_missed_bar_says_what_was_missed(bar, line):
    assert judge_bar(bar, METRICS, INTERVALS) == (False, line)


@pytest.mark.parametrize(
    ("bar", "line"),
    [
        (
            Bar(metric="f1", at_least=0.5),
            "evaluate.bar.metric: this test has no 'f1'; use one of accuracy, loss",
        ),
        (
            Bar(metric="loss", interval_contains=0.5),
            "evaluate.bar.interval_contains: loss has no interval; metrics with one: accuracy",
        ),
    ],
)
def test_a_bar_that_the_test_cannot_answer_is_refused(bar, line):
    with pytest.raises(UserError) as caught:
        judge_bar(bar, METRICS, INTERVALS)
    assert caught.value.problems == (line,)


def test_a_figure_that_rounds_to_the_bar_is_shown_in_full():
    found = judge_bar(Bar(at_least=0.985), {"accuracy": 0.98499999}, {})
    assert found == (False, "accuracy 0.98499999 is below at_least 0.985")


@pytest.mark.parametrize(
    "bar",
    [Bar(at_least=0.9701), Bar(at_most=0.9701), Bar(interval_contains=0.95), Bar(at_least=0.9, at_most=1)],
)
def test_a_bar_that_is_met_exactly_is_met(bar):
    assert judge_bar(bar, METRICS, INTERVALS).met
