"""Folds of a cross-validation: every row tested once, with scikit-learn as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, TimeSeriesSplit

from reprise.data.folds import Fold
from reprise.data.split import TEST, TRAIN, UNUSED, VAL, assign
from reprise.foundation.errors import UserError
from reprise.settings.params import Split


def all_folds(count, folds, split, **known):
    return [assign(count, split, 1, fold=Fold(number, folds), **known) for number in range(folds)]


@given(st.lists(st.integers(2, 40), min_size=2, max_size=8), st.integers(2, 6))
def test_stratified_folds_test_each_row_once_and_share_every_class_out(sizes, folds):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    if folds > len(labels):
        return
    made = all_folds(len(labels), folds, Split(val=0.0), labels=labels)
    assert (sum((parts == TEST).astype(int) for parts in made) == 1).all()
    tested = np.array([np.bincount(labels[parts == TEST], minlength=len(sizes)) for parts in made])
    assert (tested.max(axis=0) - tested.min(axis=0) <= 1).all()
    assert np.ptp(tested.sum(axis=1)) <= 1


def test_validation_rows_come_from_the_rows_that_are_not_tested():
    labels = np.repeat(np.arange(3), 50)
    for parts in all_folds(150, 5, Split(val=0.1), labels=labels):
        assert np.bincount(parts).tolist() == [108, 12, 30]
        assert np.bincount(labels[parts == VAL]).tolist() == [4, 4, 4]


@pytest.mark.parametrize(("rows", "folds"), [(23, 5), (20, 4), (7, 7)])
def test_like_sklearn_is_kfold_shuffled(rows, folds):
    expected = KFold(folds, shuffle=True, random_state=1).split(np.zeros(rows))
    split = Split(method="sklearn", val=0.0)
    for parts, (_, test) in zip(all_folds(rows, folds, split), expected, strict=True):
        assert np.flatnonzero(parts == TEST).tolist() == test.tolist()


@given(st.integers(5, 80), st.integers(2, 4))
def test_time_is_forward_chaining(rows, folds):
    moments = np.random.default_rng(rows).permutation(rows).astype(float)
    order = np.argsort(moments)
    split = Split(method="time", by="day", val=0.0)
    expected = TimeSeriesSplit(folds).split(order)
    for parts, (train, test) in zip(all_folds(rows, folds, split, moments=moments), expected, strict=True):
        assert np.flatnonzero(parts == TRAIN).tolist() == sorted(order[train].tolist())
        assert np.flatnonzero(parts == TEST).tolist() == sorted(order[test].tolist())
        assert np.flatnonzero(parts == UNUSED).tolist() == sorted(order[test[-1] + 1 :].tolist())


@given(st.lists(st.integers(0, 9), min_size=10, max_size=60), st.integers(2, 4))
def test_rows_of_one_moment_stay_together_and_nothing_is_learnt_from_the_future(days, folds):
    moments = np.array(days, float)
    if len(set(days)) < folds + 2:
        return
    made = all_folds(len(days), folds, Split(method="time", by="day", val=0.2), moments=moments)
    for parts in made:
        by_day = {(day, part) for day, part in zip(days, parts.tolist(), strict=True)}
        assert len(by_day) == len(set(days))
        train, val, test = (moments[parts == part] for part in (TRAIN, VAL, TEST))
        assert train.max() < val.min()
        assert val.max() < test.min()
    assert max(sum((parts == TEST).astype(int) for parts in made)) == 1


def test_groups_stay_together_and_each_is_tested_once():
    groups = np.random.default_rng(0).integers(0, 40, 300)
    labels = groups % 2
    made = all_folds(300, 5, Split(), labels=labels, groups=groups)
    for parts in made:
        for group in range(40):
            assert len(set(parts[groups == group].tolist())) <= 1
    assert (sum((parts == TEST).astype(int) for parts in made) == 1).all()
    assert all(40 <= (parts == TEST).sum() <= 80 for parts in made)


@pytest.mark.parametrize(
    ("split", "known", "message"),
    [
        (Split(method="none"), {}, "tests on the training rows"),
        (Split(), {"official_test": np.arange(10) < 2}, "a test split of its own"),
        (Split(), {"groups": np.arange(10) // 4}, "3 group.s. cannot fill 4 folds; ask for fewer"),
        (Split(method="time", by="d"), {"moments": np.arange(10.0) // 3}, "4 different value.s. cannot fill"),
    ],
)
def test_what_can_not_be_dealt_is_refused(split, known, message):
    with pytest.raises(UserError, match=message):
        assign(10, split, 1, fold=Fold(0, 4), **known)


def test_more_folds_than_rows_are_refused():
    with pytest.raises(UserError, match="3 rows cannot fill 4 folds"):
        assign(3, Split(), 1, fold=Fold(0, 4))
