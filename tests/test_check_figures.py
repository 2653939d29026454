"""The figures of the data contract beside an oracle: hashes, samples, distances, correlations, bounds."""

from __future__ import annotations

import numpy as np
import pytest
from check_tables import data_of, judged, sound
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ks_2samp, spearmanr
from sklearn.tree import DecisionTreeClassifier

from reprise.data.column_checks import distance, distance_bound, rank_correlation, target_given
from reprise.data.fingerprints import Sample, row_hashes


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_report_does_not_depend_on_how_rows_are_cut(data):
    seed = data.draw(st.integers(0, 1000))
    schema, rows = data_of(*sound(seed, rows=90, columns=2))
    assert judged(schema, rows) == judged(schema, rows, cut=data.draw(st.integers(1, 40)))


@settings(max_examples=200, deadline=None)
@given(
    x=hnp.arrays(
        st.sampled_from([np.uint8, np.float32]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
        elements=st.integers(0, 2),
    )
)
def test_hashes_are_equal_exactly_for_equal_rows(x):
    oracle = np.unique(x, axis=0, return_inverse=True)[1].reshape(-1)
    hashes = np.unique(row_hashes(x), return_inverse=True)[1]
    assert np.array_equal(oracle[:, None] == oracle, hashes[:, None] == hashes)


def test_rows_that_differ_in_signs_or_order_have_other_hashes():
    signs = 1.0 - 2.0 * ((np.arange(2**12)[:, None] >> np.arange(12)) & 1)
    assert len(np.unique(row_hashes(signs.astype(np.float32)))) == 2**12
    orders = np.array([[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]], np.float32)
    assert len(np.unique(row_hashes(orders))) == 4
    assert row_hashes(np.array([[0.0]], np.float32)) == row_hashes(np.array([[-0.0]], np.float32))


def test_a_sample_is_the_same_for_any_order_and_unbiased():
    ids = np.arange(5000)
    samples = []
    for order, step in ((ids, 5000), (ids[::-1], 7), (np.random.default_rng(1).permutation(ids), 501)):
        sample = Sample(500)
        for start in range(0, 5000, step):
            part = order[start : start + step]
            sample.add(part, part[:, None], part)
        samples.append(sample.rows()[1])
    assert np.array_equal(samples[0], samples[1])
    assert np.array_equal(samples[0], samples[2])
    assert len(set(samples[0].tolist())) == 500
    assert abs(samples[0].mean() - 2499.5) < 4 * 1443 / np.sqrt(500)  # four standard errors


numbers = hnp.arrays(np.float32, st.integers(1, 60), elements=st.integers(-5, 5))


@settings(max_examples=200, deadline=None)
@given(first=numbers, second=numbers)
def test_the_distance_is_kolmogorovs(first, second):
    assert distance(first, second) == pytest.approx(ks_2samp(first, second).statistic)


@settings(max_examples=200, deadline=None)
@given(pairs=hnp.arrays(np.float64, st.tuples(st.integers(3, 60), st.just(2)), elements=st.integers(-5, 5)))
def test_the_rank_correlation_is_spearmans(pairs):
    a, b = pairs.T
    if len(np.unique(a)) > 1 and len(np.unique(b)) > 1:
        assert rank_correlation(a, b) == pytest.approx(spearmanr(a, b).statistic, abs=1e-9)
    else:
        assert rank_correlation(a, b) == 0.0


@settings(max_examples=100, deadline=None)
@given(
    values=hnp.arrays(np.float64, st.integers(4, 80), elements=st.integers(0, 30)),
    classes=st.integers(2, 4),
    seed=st.integers(0, 100),
)
def test_a_tree_of_intervals_settles_no_more_than_a_column_is_given(values, classes, seed):
    noise = np.random.default_rng(seed).integers(0, classes, len(values))
    labels = np.where(
        np.random.default_rng(seed + 1).random(len(values)) < 0.2, noise, values % classes
    ).astype(np.int64)
    others = len(labels) - np.bincount(labels).max()
    score = target_given(values, labels, classes)
    if others == 0:
        assert score == 0.0
        return
    tree = DecisionTreeClassifier(max_leaf_nodes=classes).fit(values[:, None], labels)
    wrong = np.count_nonzero(tree.predict(values[:, None]) != labels)
    # The estimate may be off by the rows that share their value with a more frequent class.
    unsure = sum(len(part) - np.bincount(part).max() for v in set(values) for part in [labels[values == v]])
    assert score >= (others - wrong - unsure) / others - 1e-9
    assert 0.0 <= score <= 1.0


def test_chance_alone_rarely_exceeds_the_bound():
    generator = np.random.default_rng(2)
    assert distance_bound(0, 5, 1) == 1.0
    for size in (20, 200):
        largest = max(distance(*generator.normal(size=(2, size))) for _ in range(500))
        assert largest < distance_bound(size, size, 1) < 4 * largest
    assert distance_bound(100, 100, 1000) > distance_bound(100, 100, 1)
