"""Which row goes to which split: shares, classes, groups, and scikit-learn as the oracle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from reprise.data.split import Shares, assign, class_counts
from reprise.foundation.errors import UserError
from reprise.settings.params import Split

SHARE = st.integers(1, 99).map(lambda n: n / 100)
VAL = st.integers(0, 90).map(lambda n: n / 100)


def counts(parts):
    return np.bincount(parts, minlength=3).tolist()


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), SHARE, VAL)
def test_every_class_gets_its_share_to_within_one_row_and_keeps_a_train_row(sizes, test, val):
    shares = Shares(Fraction(str(test)), Fraction(str(val)))
    for size, (in_test, in_val) in zip(sizes, class_counts(sizes, shares), strict=True):
        exact_test = size * shares.test
        exact_val = (size - exact_test) * shares.val
        in_train = size - in_test - in_val
        assert in_test >= 0
        assert in_val >= 0
        assert in_train >= 1
        assert abs(in_test - exact_test) < 1
        assert abs(in_val - exact_val) < 1
        # One train row is kept even where its share is less than that; else it is within one row, too.
        assert abs(in_train - (size - exact_test - exact_val)) < 1


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60), SHARE, VAL)
def test_rounding_does_not_add_up_over_many_classes(sizes, test, val):
    shares = Shares(Fraction(str(test)), Fraction(str(val)))
    assume(min(sizes) * (1 - shares.test) * (1 - shares.val) >= 1)
    found = class_counts(sizes, shares)
    exact_test = sum(sizes) * shares.test
    exact_val = (sum(sizes) - exact_test) * shares.val
    assert abs(sum(in_test for in_test, _ in found) - exact_test) <= Fraction(1, 2)
    assert abs(sum(in_val for _, in_val in found) - exact_val) <= 2


def test_many_small_classes_share_the_test_rows_evenly():
    # 100 classes of 5 rows at 10%: half a row each. Rounding each alone would give 0 or 100.
    labels = np.repeat(np.arange(100), 5)
    assert counts(assign(500, Split(test=0.1, val=0.0), 1, labels=labels)) == [450, 0, 50]


def test_exact_shares_are_met_exactly():
    # 0.1 × 0.8 × 150 is 12.000000000000002 in floating point.
    assert counts(assign(150, Split(test=0.2, val=0.1), 3)) == [108, 12, 30]
    # 0.1 of 25 is halfway between 2 and 3, although the float 0.1 is a little more than a tenth.
    assert counts(assign(25, Split(test=0.1, val=0.0), 3)) == [23, 0, 2]
    labels = np.arange(150) % 3
    parts = assign(150, Split(test=0.2, val=0.1), 3, labels=labels)
    for label in range(3):
        assert counts(parts[labels == label]) == [36, 4, 10]


@settings(max_examples=30)
@given(
    st.integers(100, 300),  # so that no class is without train rows by chance, which is refused
    st.integers(2, 5),
    st.integers(0, 2**63 - 1),
    st.sampled_from(["stratified", "shuffle"]),
)
def test_the_share_of_val_does_not_move_a_test_row(count, classes, seed, method):
    labels = np.arange(count) % classes
    with_val, without = (
        assign(count, Split(method=method, test=0.25, val=val), seed, labels=labels) == 2
        for val in (0.3, 0.0)
    )
    assert np.array_equal(with_val, without)


def test_the_same_arguments_give_the_same_split_and_another_seed_another():
    first, again, other = (assign(200, Split(), seed) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_row_is_equally_likely_to_be_test():
    times = sum((assign(20, Split(test=0.25, val=0.0), seed) == 2).astype(int) for seed in range(400))
    # 400 draws of probability 1/4: mean 100, deviation 8.7; five deviations never happen by chance.
    assert times.min() > 56
    assert times.max() < 144


@given(st.integers(5, 300), SHARE, st.sampled_from([0.0, 0.1, 0.25, 1 / 3]), st.integers(0, 2**32 - 1))
def test_sklearn_method_is_scikit_learns_own_split(count, test, val, seed):
    rows = np.arange(count)
    split = Split(method="sklearn", test=test, val=val)
    try:
        rest, in_test = train_test_split(rows, test_size=test, random_state=seed)
        in_val = rows[:0]
        if val > 0:
            rest, in_val = train_test_split(rest, test_size=val, random_state=seed)
    except ValueError:  # no row left to train on
        with pytest.raises(UserError, match=r"prepare\.split"):
            assign(count, split, seed)
        return
    parts = assign(count, split, seed)
    assert np.flatnonzero(parts == 2).tolist() == sorted(in_test)
    assert np.flatnonzero(parts == 1).tolist() == sorted(in_val)
    assert np.flatnonzero(parts == 0).tolist() == sorted(rest)


def test_sklearn_method_refuses_what_it_cannot_do():
    with pytest.raises(UserError, match=r"prepare\.seed: 4294967296.*below 2\*\*32"):
        assign(10, Split(method="sklearn"), 2**32)
    with pytest.raises(UserError, match="use stratified or shuffle"):
        assign(10, Split(method="sklearn"), 1, groups=np.arange(10))


def test_none_trains_on_every_row():
    assert counts(assign(10, Split(method="none", val=0.5), 1)) == [10, 0, 0]


@pytest.mark.parametrize("method", ["stratified", "shuffle", "sklearn", "none"])
def test_official_test_rows_stay_test_and_no_other_row_joins_them(method):
    official = np.arange(100) % 3 == 1
    parts = assign(100, Split(method=method, test=0.9, val=0.2), 1, official_test=official)
    assert np.array_equal(parts == 2, official)
    assert (parts == 1).sum() == (0 if method == "none" else {"sklearn": 14}.get(method, 13))


@settings(max_examples=40)
@given(st.integers(3, 60), st.integers(0, 10**6), st.booleans(), st.data())
def test_groups_stay_together_and_every_split_gets_one(count, seed, labelled, data):
    names = data.draw(st.lists(st.integers(-5, 40), min_size=count, max_size=count))
    groups = np.array(names)
    labels = np.arange(count) % 2 if labelled else None
    try:
        parts = assign(count, Split(), seed, labels=labels, groups=groups)
    except UserError as error:
        assert len(set(names)) < 3 or "no row in the train split" in str(error)  # noqa: PT017
        return
    for group in set(names):
        assert len(set(parts[groups == group])) == 1
    assert set(parts) == {0, 1, 2}


def test_as_many_groups_as_splits_are_enough():
    groups = np.repeat([0, 1, 2], [5, 4, 3])
    for seed in range(10):
        assert sorted(assign(12, Split(test=0.2, val=0.1), seed, groups=groups)[[0, 5, 9]]) == [0, 1, 2]


@pytest.mark.parametrize("labelled", [False, True])
def test_small_groups_meet_the_shares_closely(labelled):
    groups = np.arange(3000) // 3
    labels = groups % 4 if labelled else None
    for seed in range(3):
        parts = assign(3000, Split(test=0.2, val=0.25), seed, labels=labels, groups=groups)
        assert np.allclose(counts(parts), [1800, 600, 600], atol=3)
        for label in range(4 if labelled else 0):
            assert np.allclose(counts(parts[labels == label]), [450, 150, 150], atol=3)


def test_which_group_goes_where_depends_on_the_seed():
    groups = np.arange(100) // 2
    assert not np.array_equal(assign(100, Split(), 1, groups=groups), assign(100, Split(), 2, groups=groups))


def test_impossible_splits_are_refused_by_name():
    with pytest.raises(UserError, match=r"prepare\.split\.val: 0\.1 of 4 rows is not one row"):
        assign(5, Split(), 1)
    with pytest.raises(UserError, match=r"prepare\.split\.test: 0\.2 of 1 rows is not one row"):
        assign(1, Split(val=0.0), 1)
    with pytest.raises(UserError, match="2 group"):
        assign(9, Split(), 1, groups=np.arange(9) % 2)
    with pytest.raises(UserError, match=r"1 group.*in the test data and outside"):
        assign(9, Split(), 1, groups=np.arange(9) // 2, official_test=np.arange(9) >= 7)
    with pytest.raises(UserError, match="none of the 0 rows"):
        assign(3, Split(), 1, official_test=np.ones(3, bool))
    official, labels = np.arange(40) >= 30, np.where(np.arange(40) < 39, 0, 1)
    with pytest.raises(UserError, match=r"class\(es\) 'rare'"):
        assign(40, Split(), 1, labels=labels, official_test=official, classes=("common", "rare"))


def test_a_class_of_one_row_trains():
    labels = np.array([0] * 40 + [1])
    for seed in range(20):
        assert assign(41, Split(test=0.5, val=0.5), seed, labels=labels)[40] == 0
