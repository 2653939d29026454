"""The curves, calibration and residuals that are drawn, against scikit-learn and naive versions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from reprise.evaluation import curves, residuals
from reprise.evaluation.plots import calibration_table
from reprise.evaluation.probabilities import calibration
from reprise.evaluation.thinning import MOST, thin

AREA = 1e-3


def guesses(rows: int, classes: int, skill: float, seed: int = 1):
    """Return (actual, probabilities of 9 decimals) of a made-up model."""
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), actual] += skill
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return actual, np.rint(chances * 1e9) / 1e9


def points(table, name):
    return np.array([row[2:] for row in table.rows if row[0] == name]).T


@given(st.data())
def test_few_points_are_scikit_learns(data):
    rows = data.draw(st.integers(1, 40))
    actual = data.draw(arrays(np.int64, rows, elements=st.integers(0, 1)))
    score = data.draw(arrays(np.float64, rows, elements=st.integers(0, 8).map(lambda n: n / 8)))
    roc, precision_recall = curves.curve_tables(actual, np.stack([1 - score, score], axis=1), ["no", "yes"])
    positives = int(actual.sum())
    assert bool(roc.rows) == (0 < positives < rows)
    assert bool(precision_recall.rows) == (positives > 0)
    if roc.rows:
        false, true, thresholds = oracle.roc_curve(actual, score, drop_intermediate=False)
        every = set(zip(false.tolist(), true.tolist(), thresholds.tolist(), strict=True))
        found = [(x, y, math.inf if level is None else level) for _, level, x, y in roc.rows]
        assert set(found) <= every
        assert (found[0], found[-1]) == ((0.0, 0.0, math.inf), (1.0, 1.0, score.min()))
        assert oracle.auc(*points(roc, "yes")) == pytest.approx(oracle.roc_auc_score(actual, score))
    if precision_recall.rows:
        precision, recall, _ = oracle.precision_recall_curve(actual, score)
        assert set(map(tuple, points(precision_recall, "yes").T)) <= set(zip(recall, precision, strict=True))
        assert oracle.auc(*points(precision_recall, "yes")) == pytest.approx(oracle.auc(recall, precision))


@pytest.mark.parametrize("skill", [0.0, 1.0, 4.0])
def test_thinned_curves_keep_their_area(skill):
    actual, chances = guesses(6000, 4, skill)
    names = list("abcd")
    for number, name in enumerate(names):
        roc, precision_recall = (points(t, name) for t in curves.curve_tables(actual, chances, names))
        assert roc.shape[1] <= MOST
        assert precision_recall.shape[1] <= MOST
        whole = oracle.roc_auc_score(actual == number, chances[:, number])
        assert oracle.auc(*roc) == pytest.approx(whole, abs=AREA)
        precision, recall, _ = oracle.precision_recall_curve(actual == number, chances[:, number])
        assert oracle.auc(*precision_recall) == pytest.approx(oracle.auc(recall, precision), abs=AREA)


def test_a_rare_class_among_many_rows_keeps_its_area():
    rng = np.random.default_rng(3)
    actual = (np.arange(60_000) % 3000 == 0).astype(np.int64)
    score = np.rint((rng.random(60_000) * 0.8 + 0.1 * actual) * 1e9) / 1e9
    roc, precision_recall = curves.curve_tables(actual, np.stack([1 - score, score], axis=1), ["no", "yes"])
    whole = oracle.roc_auc_score(actual, score)
    assert oracle.auc(*points(roc, "yes")) == pytest.approx(whole, abs=AREA)
    precision, recall, _ = oracle.precision_recall_curve(actual, score)
    found = oracle.auc(*points(precision_recall, "yes"))
    assert found == pytest.approx(oracle.auc(recall, precision), abs=AREA)


@pytest.mark.parametrize("steps", [3, 99, 101, 150, 1000, 9000])
def test_stairs_keep_their_area_and_their_ends(steps):
    # All corners are alike: a rule that takes the outer ones first would be off by 1 / (2 · steps).
    x = np.repeat(np.arange(steps + 1), 2)[1:] / steps
    y = np.repeat(np.arange(steps + 1), 2)[:-1] / steps
    kept = thin(x, y)
    assert (kept[0], kept[-1]) == (0, len(x) - 1)
    assert len(kept) == min(len(x), MOST)
    assert oracle.auc(x[kept], y[kept]) == pytest.approx(oracle.auc(x, y), abs=AREA)


def test_a_corner_among_small_steps_stays():
    small = np.linspace(0, 0.01, 400)
    x, y = np.concatenate([small, [0.01, 1.0]]), np.concatenate([small * small, [0.9, 1.0]])
    kept = set(thin(x, y, 20).tolist())
    assert {399, 400, 401} <= kept


@given(arrays(np.float64, st.integers(0, 60), elements=st.integers(0, 9).map(float)), st.integers(2, 20))
def test_thinning_takes_points_in_order_and_at_most_as_many_as_asked_for(y, most):
    kept = thin(np.arange(len(y)) / max(1, len(y)), y, most)
    assert len(kept) <= max(most, 0)
    assert (np.diff(kept) > 0).all()
    if len(y):
        assert (kept[0], kept[-1]) == (0, len(y) - 1)


def test_of_many_classes_the_mean_and_the_nine_largest_are_drawn():
    actual, chances = guesses(3000, 12, 2.0)
    actual[actual >= 10] = np.where(np.arange(3000)[actual >= 10] % 5 == 0, actual[actual >= 10], 0)
    actual[actual == 3] = 2  # a class without rows has no curve
    names = [f"class {number}" for number in range(12)]
    roc, precision_recall = curves.curve_tables(actual, chances, names)
    for table in (roc, precision_recall):
        drawn = list(dict.fromkeys(row[0] for row in table.rows))
        assert drawn == [curves.MEAN, *(names[number] for number in (0, 1, 2, 4, 5, 6, 7, 8, 9))]
    grid = np.arange(201) / 200
    there = [number for number in range(12) if (actual == number).any()]
    heights = []
    for number in there:
        false, true, _ = oracle.roc_curve(actual == number, chances[:, number], drop_intermediate=False)
        heights.append(np.interp(grid, false, true))  # of an upright stretch the upper end
    assert points(roc, curves.MEAN)[1] == pytest.approx(np.mean(heights, axis=0))
    areas = [oracle.average_precision_score(actual == n, chances[:, n]) for n in there]
    assert points(precision_recall, curves.MEAN)[1].mean() == pytest.approx(np.mean(areas), abs=0.01)


def test_calibration_is_the_definition():
    actual, chances = guesses(2000, 3, 1.0)
    chances[:4, 0], chances[4:8, 0] = 0.2, 0.6  # on edges of bins: they belong to the lower one
    confidence, right = chances[:, 0], actual == 0
    found = calibration_table(calibration(actual, np.zeros(2000, np.int64), chances)).rows
    expected = []
    for number in range(15):
        low, high = round(number / 15, 12), round((number + 1) / 15, 12)
        inside = (confidence > low) & (confidence <= high) if number else confidence <= high
        if inside.any():
            expected.append((low, high, inside.sum(), confidence[inside].mean(), right[inside].mean()))
    assert np.array(found) == pytest.approx(np.array(expected))
    assert sum(row[2] for row in found) == 2000


def test_calibration_takes_both_ends_and_leaves_empty_bins_out():
    chances = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    table = calibration_table(calibration(np.array([1, 0, 0]), np.zeros(3, np.int64), chances))
    assert [row[2:] for row in table.rows] == [(1, 0.0, 0.0), (2, 1.0, 1.0)]


def test_residuals_are_those_of_all_rows_or_of_evenly_spread_ones():
    actual = np.arange(5001.0)
    assert residuals.residual_table(actual[:2000], actual[:2000] + 1).rows[7] == (8.0, 7.0, 1.0)
    rows = residuals.residual_table(actual, actual + 1).rows
    assert [row[1] for row in rows] == [n * 5001 // 2000 for n in range(2000)]


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e300, 1e300)))
def test_the_histogram_counts_every_row_once(residual):
    rows = residuals.residual_histogram(residual).rows
    assert len(rows) == 41
    assert sum(count for *_, count in rows) == len(residual)
    assert all(math.isfinite(end) for low, high, _ in rows for end in (low, high))
    assert all(one[1] == other[0] for one, other in itertools.pairwise(rows))


def test_the_histogram_is_numpys_within_its_ends():
    residual = np.random.default_rng(1).normal(size=4000)
    rows = residuals.residual_histogram(residual).rows
    limit = np.sort(np.abs(residual))[3959]
    expected, _ = np.histogram(np.clip(residual, -limit, limit), bins=41, range=(-limit, limit))
    assert [count for *_, count in rows] == expected.tolist()
    assert rows[20][0] == -rows[20][1]
    assert rows[-1][1] == limit
