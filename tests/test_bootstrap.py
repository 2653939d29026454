"""The bootstrap against scipy's, the naive one, and what an interval promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from reprise.evaluation import bootstrap as ours
from reprise.evaluation.answers import ValueAnswers
from reprise.evaluation.baselines import class_answers
from reprise.evaluation.judged import metrics_of
from reprise.evaluation.resampled import class_intervals, value_intervals
from reprise.foundation import seeds


def class_rows(rows: int, classes: int):
    actual = seeds.integers(rows, classes, 2, "test", "actual")
    raw = seeds.uniform(rows * classes, 2, "test", "chances").reshape(rows, classes) + 0.05
    raw[np.arange(rows), actual] += 0.2
    return class_answers(actual, raw / raw.sum(axis=1, keepdims=True))


def value_rows(rows: int) -> ValueAnswers:
    noise = seeds.uniform(2 * rows, 3, "test", "values").reshape(2, rows)
    actual = 100.0 + 10.0 * noise[0]
    return ValueAnswers(actual, actual + noise[1] ** 2 - 0.2)


@given(arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e9, 1e9)))
def test_fixed_point_means_are_means(values):
    found = ours.fixed_point(values).mean(np.ones(len(values), np.int64))
    assert found == pytest.approx(values.mean(), rel=1e-12, abs=1e-12 * np.abs(values).max())


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=40), st.sampled_from([0.8, 0.95]))
def test_percentiles_are_numpys(values, confidence):
    expected = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    assert ours.percentiles(values, confidence) == pytest.approx(tuple(expected), abs=1e-9)


@pytest.mark.parametrize("classes", [2, 4])
def test_class_intervals_are_those_of_rows_drawn_again(classes):
    """Each resample's metrics, computed anew from the rows themselves."""
    answers = class_rows(80, classes)
    whole = metrics_of(answers)
    found = class_intervals(answers, whole, 0.9, 1)
    drawn = [
        metrics_of(answers.of(seeds.integers(80, 80, ours.SEED, "bootstrap", number)))
        for number in range(ours.MOST_RESAMPLES)
    ]
    assert set(found) == set(whole)
    for name in set(whole) - {"accuracy"}:
        expected = ours.percentiles([metrics[name] for metrics in drawn], 0.9)
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-9), name


def test_value_intervals_are_those_of_rows_drawn_again():
    answers = value_rows(60)
    found = value_intervals(answers, metrics_of(answers), 0.95, 2)
    rows = [seeds.integers(60, 60, ours.SEED, "bootstrap", number) for number in range(ours.MOST_RESAMPLES)]
    drawn = [metrics_of(ValueAnswers(answers.actual[chosen], answers.predicted[chosen])) for chosen in rows]
    for name, interval in found.items():
        expected = ours.percentiles([metrics[name] for metrics in drawn], 0.95)
        assert interval == pytest.approx(expected, rel=1e-9, abs=1e-9), name


def test_intervals_are_as_wide_as_scipys():
    answers = value_rows(150)
    found = value_intervals(answers, metrics_of(answers), 0.95, 1)["rmse"]
    expected = stats.bootstrap(
        (answers.residual,), lambda sample, axis: np.sqrt(np.mean(sample**2, axis=axis)),
        method="percentile", n_resamples=5000, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found == pytest.approx(tuple(expected), rel=0.02)


def test_many_rows_have_intervals_as_narrow_as_all_of_them_allow(monkeypatch):
    answers = value_rows(4000)
    whole = metrics_of(answers)
    full = value_intervals(answers, whole, 0.95, 1)
    monkeypatch.setattr(ours, "MOST_ROWS", 400)
    fewer = value_intervals(answers, whole, 0.95, 1)
    for name in ("mae", "rmse"):
        assert fewer[name].high - fewer[name].low == pytest.approx(full[name].high - full[name].low, rel=0.2)
        assert fewer[name].low < whole[name] < fewer[name].high


def test_the_intervals_hold_the_truth_about_as_often_as_they_say():
    """The mean absolute error of an exponential with mean 1 is 1."""
    trials, rows, held = 150, 60, 0
    for trial in range(trials):
        sizes = -np.log1p(-seeds.uniform(rows, trial, "test", "exponential"))
        answers = ValueAnswers(np.zeros(rows), sizes)
        held += 1.0 in value_intervals(answers, metrics_of(answers), 0.9, 1)["mae"]
    assert 0.8 < held / trials < 0.97


def test_workers_change_nothing():
    answers = class_rows(90, 3)
    whole = metrics_of(answers)
    assert class_intervals(answers, whole, 0.95, 1) == class_intervals(answers, whole, 0.95, 4)


def test_a_metric_that_most_resamples_lack_has_no_interval():
    found = ours.bootstrap(
        lambda weights: {"rare": 1.0} if weights[0] > 1 else {"other": 2.0}, 30,
        {"rare": 1.0, "other": 2.0}, 30, 0.95,
    )  # fmt: skip
    assert set(found) == {"other"}
