"""Confident learning beside the naive version of its definition, and labels that were flipped on purpose."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from reprise.evaluation.label_errors import class_thresholds, likely_label_errors


def naive(labels: list[int], chances: list[list[float]]) -> list[bool]:
    """Build the confident joint cell by cell, with sums of fractions for the thresholds."""
    classes = range(len(chances[0]))
    thresholds = {}
    for j in classes:
        own = [Fraction(p[j]) for p, label in zip(chances, labels, strict=True) if label == j]
        if own:
            thresholds[j] = float(sum(own)) / len(own)
    joint: dict[tuple[int, int], list[int]] = {}
    for row, (p, label) in enumerate(zip(chances, labels, strict=True)):
        reached = [j for j in classes if j in thresholds and p[j] >= thresholds[j]]
        if reached:
            joint.setdefault((label, max(reached, key=lambda j: (p[j], -j))), []).append(row)
    off = {row for (i, j), rows in joint.items() if i != j for row in rows}
    return [row in off for row in range(len(labels))]


@st.composite
def judged(draw: st.DrawFn) -> tuple[list[int], list[list[float]]]:
    classes = draw(st.integers(2, 4))
    rows = draw(st.integers(1, 30))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    tenths = st.lists(st.integers(0, 10), min_size=classes, max_size=classes)
    return labels, [[n / max(1, sum(row)) for n in row] for row in (draw(tenths) for _ in range(rows))]


@given(judged())
def test_the_rows_are_those_off_the_diagonal_of_the_confident_joint(given_rows) -> None:
    labels, chances = given_rows
    found = likely_label_errors(np.array(labels), np.array(chances))
    assert found.tolist() == naive(labels, chances)


def test_the_order_of_the_rows_changes_no_bit_and_an_absent_class_is_never_suspected() -> None:
    random = np.random.default_rng(3)
    chances = random.dirichlet(np.ones(4), 5000)
    labels = random.integers(0, 3, 5000)
    order = random.permutation(5000)
    thresholds = class_thresholds(labels, chances)
    assert thresholds.tolist() == class_thresholds(labels[order], chances[order]).tolist()
    assert math.isinf(thresholds[3])
    suspicious = likely_label_errors(labels, chances)
    assert (likely_label_errors(labels[order], chances[order]) == suspicious[order]).all()
    assert 0 < suspicious.sum() < 5000
    mostly_absent = 0.1 * np.eye(3, 4) + [0, 0, 0, 0.9]
    assert not likely_label_errors(np.arange(3), mostly_absent).any()


def test_flipped_labels_are_found() -> None:
    x, y = load_iris(return_X_y=True)
    random = np.random.default_rng(0)
    flipped = random.choice(150, 12, replace=False)
    noisy = y.copy()
    noisy[flipped] = (y[flipped] + random.integers(1, 3, 12)) % 3
    chances = cross_val_predict(LogisticRegression(max_iter=1000), x, noisy, cv=5, method="predict_proba")
    found = set(np.flatnonzero(likely_label_errors(noisy, chances)).tolist())
    assert len(found & set(flipped.tolist())) >= 11
    assert len(found) <= 20
