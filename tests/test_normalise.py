"""Statistics of the train split: exact for whole numbers, in a fixed order for floats."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reprise.data import normalise
from reprise.foundation.errors import UserError
from reprise.prepared.schema import Statistics

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


def naive_fit(column):
    """One number after the other, as the schema's statistics are defined."""
    total = 0.0
    for value in column:
        total += value
    mean = column[0] if min(column) == max(column) else total / len(column)
    squares = 0.0
    for value in column:
        squares += (value - mean) * (value - mean)
    return mean, math.sqrt(squares / len(column)) or 1.0


@settings(max_examples=60)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=FINITE), st.integers(1, 60)
)
def test_table_statistics_are_those_of_a_plain_loop_however_the_rows_are_cut(x, block):
    expected = [naive_fit(column) for column in x.T.tolist()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalise, "BLOCK", block)
        found = normalise.fit(x, "feature")
    assert found == Statistics(mean=tuple(m for m, _ in expected), std=tuple(s for _, s in expected))


def test_a_long_sum_is_strictly_sequential():
    x = np.random.default_rng(1).normal(size=(30_000, 3)) * [1.0, 1e8, 1e-8]
    expected = [0.0, 0.0, 0.0]
    for row in x.tolist():
        expected = [total + value for total, value in zip(expected, row, strict=True)]
    assert normalise.running_sum(np.zeros(3), x).tolist() == expected
    halves = normalise.running_sum(normalise.running_sum(np.zeros(3), x[:12_345]), x[12_345:])
    assert halves.tolist() == expected


def test_numpy_agrees_up_to_rounding():
    x = np.random.default_rng(2).normal(3.0, [1.0, 10.0, 0.1, 5.0], size=(5000, 4))
    each, one = normalise.fit(x, "feature"), normalise.fit(x, "global")
    assert np.allclose(each.mean, x.mean(0), rtol=1e-12)
    assert np.allclose(each.std, x.std(0), rtol=1e-12)
    assert np.allclose([*one.mean, *one.std], [x.mean(), x.std()], rtol=1e-12)


@settings(max_examples=60)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))),
    st.integers(1, 200),
)
def test_image_statistics_are_exact_per_channel(x, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalise, "BLOCK", block)
        found = normalise.fit(x, "feature")
    for channel in range(x.shape[1]):
        values = [Fraction(int(value)) for value in x[:, channel].ravel()]
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / len(values)
        assert found.mean[channel] == float(mean)
        assert found.std[channel] == (math.sqrt(float(variance)) or 1.0)


def test_global_is_one_value_for_all():
    images = np.random.default_rng(3).integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    found = normalise.fit(images, "global")
    assert found.mean == pytest.approx((images.mean(),), rel=1e-12)
    assert found.std == pytest.approx((images.std(),), rel=1e-12)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e200, -7.7])
def test_a_constant_feature_becomes_zero_not_noise(value):
    x = np.full((1001, 1), value)
    found = normalise.fit(x, "feature")
    assert found == Statistics(mean=(value,), std=(1.0,))
    assert not normalise.apply(x, found).any()


def test_what_cannot_be_standardised_is_refused_with_its_feature():
    x = np.ones((3, 2))
    for value in (np.nan, np.inf, 1e200):
        x[1, 1] = value
        with pytest.raises(UserError, match=r"prepare\.normalise: feature 2 "):
            normalise.fit(x, "feature")


def test_apply_rounds_once_to_float32():
    x = np.random.default_rng(4).normal(size=(1000, 3))
    found = normalise.fit(x, "feature")
    scaled = normalise.apply(x, found)
    assert scaled.dtype == np.float32
    for row in range(0, 1000, 97):
        for column in range(3):
            exact = (float(x[row, column]) - found.mean[column]) / found.std[column]
            assert scaled[row, column] == np.float32(exact)
    assert abs(scaled.mean(0)).max() < 1e-6
    assert abs(scaled.std(0) - 1).max() < 1e-5


def test_none_changes_the_number_format_only():
    x = np.arange(6.0).reshape(3, 2)
    assert normalise.fit(x, "none") is None
    assert normalise.apply(x, None).dtype == np.float32
    assert normalise.apply(x, None).tolist() == x.tolist()
