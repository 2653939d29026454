"""Which row belongs to which split: a function of the seed, the rows and the parameters alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.data.folds import Fold, fold_of_rows
from reprise.data.groups import assign_groups
from reprise.data.time_split import assign_by_time
from reprise.foundation import seeds
from reprise.foundation.errors import UserError
from reprise.settings.params import Split

TRAIN, VAL, TEST = 0, 1, 2
UNUSED = 3  # later than a fold that is tested: what was known then had no such rows
Numbers = NDArray[np.int64]


class Shares(NamedTuple):
    """The shares as the decimals that the user wrote, exactly: 0.1 of 30 rows is 3, not a hair more."""

    test: Fraction  # of all rows
    val: Fraction  # of the rows that are not test


def assign(
    count: int,
    split: Split,
    seed: int,
    *,
    labels: Numbers | None = None,
    groups: Numbers | None = None,
    official_test: NDArray[np.bool_] | None = None,
    moments: NDArray[np.float64] | None = None,
    classes: Sequence[str] = (),
    fold: Fold | None = None,
) -> NDArray[np.uint8]:
    """Return the split of each row: 0 train, 1 val, 2 test; 3 is none of them.

    Parameters
    ----------
    count : int
        Number of rows.
    split : Split
        With the method ``none`` every row is train (and the caller lets test repeat it).
    seed : int
        Of all random choices.
    labels : array (count,), optional
        Class numbers; ``stratified`` gives every class its share of each split, to within one row.
    groups : array (count,), optional
        Rows with the same number stay in one split.
    official_test : array (count,), optional
        Rows that are test whatever `split` says; then ``split.test`` is not used.
    moments : array (count,), optional
        What ``time`` orders the rows by.
    classes : sequence of str, optional
        Class names, for messages.
    fold : Fold, optional
        The rows of this fold are test instead of a share of all; those after it in ``time`` are in no split.

    Raises
    ------
    UserError
        If a split that was asked for would be empty, or a class would have no train row.
    """
    parts = np.zeros(count, np.uint8)
    if fold is not None:
        _refuse_official(official_test)
        tested_in = fold_of_rows(
            count, fold.count, split.method, seed, labels, groups, moments, 1 + (split.val > 0)
        )
        official_test = tested_in == fold.number
        if split.method == "time":
            parts[tested_in > fold.number] = UNUSED
    if official_test is not None:
        parts[official_test] = TEST
    free = np.flatnonzero(parts == TRAIN)
    if official_test is not None:
        _refuse_shared_groups(groups, official_test)
    shares = Shares(Fraction(0) if official_test is not None else _exact(split.test), _exact(split.val))
    match split.method:
        case "none":
            pass
        case "sklearn":
            _refuse_sklearn(seed, groups)
            parts[free] = _like_sklearn(len(free), split, seed, official_test is not None)
        case "time":
            if moments is None:
                raise ValueError("time needs moments")
            parts[free] = assign_by_time(moments[free], *shares)
        case method:
            strata = labels[free] if labels is not None and method == "stratified" else None
            if groups is None:
                parts[free] = _by_class(len(free), strata, shares, seed)
            else:
                parts[free] = assign_groups(groups[free], strata, *shares, seed)
    _refuse_empty(parts[free], split, official_test is not None)
    if labels is not None:
        _refuse_unlearnable(parts, labels, classes)
    return parts


def _exact(share: float) -> Fraction:
    return Fraction(repr(share))


def _by_class(count: int, labels: Numbers | None, shares: Shares, seed: int) -> NDArray[np.uint8]:
    """Share out each class's rows, or all rows when there are no labels, in random order."""
    order = seeds.permutation(count, seed, "split")
    sizes = [count]
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
        sizes = np.unique(labels, return_counts=True)[1].tolist()
    parts = np.zeros(count, np.uint8)
    start = 0
    for size, (test, val) in zip(sizes, class_counts(sizes, shares), strict=True):
        parts[order[start : start + test]] = TEST
        parts[order[start + test : start + test + val]] = VAL
        start += size
    return parts


def class_counts(sizes: Sequence[int], shares: Shares) -> list[tuple[int, int]]:
    """Return how many rows of each class are test and val.

    Every count is the exact share rounded down or up, and every class keeps a train row. What rounding
    took or gave is carried to the next class, so that the totals are right too: test to half a row, val
    to two, unless classes are so small that their share of train is less than one row. In such classes
    alone do the test counts depend on the share of val.
    """
    counts = []
    carried_test = carried_val = Fraction(0)
    for size in sizes:
        exact_test = size * shares.test
        exact_val = (size - exact_test) * shares.val
        exact_train = size - exact_test - exact_val
        wanted = exact_test + carried_test
        most = min(math.ceil(exact_test), size - 1 - math.floor(exact_val))
        test = _clamp(round(wanted), math.floor(exact_test), most)
        carried_test = wanted - test

        rest = size - test
        wanted = exact_val + carried_val
        least = max(math.floor(exact_val), rest - math.ceil(exact_train))
        most = min(math.ceil(exact_val), rest - max(1, math.floor(exact_train)))
        val = _clamp(round(wanted), least, most)
        carried_val = wanted - val
        counts.append((test, val))
    return counts


def _clamp(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _like_sklearn(count: int, split: Split, seed: int, official: bool) -> NDArray[np.uint8]:
    """Split as scikit-learn's train_test_split does, without importing it (seconds).

    It draws one permutation from NumPy's RandomState, whose stream is frozen for good (NEP 19), and
    takes ceil(share × rows) from its start. Validation rows come from the rest by a second call.
    """
    parts = np.zeros(count, np.uint8)
    rest = np.arange(count)
    for share, part in ((0.0 if official else split.test, TEST), (split.val, VAL)):
        if share > 0.0:
            rows = np.random.RandomState(seed).permutation(len(rest))
            taken = math.ceil(share * len(rest))
            parts[rest[rows[:taken]]] = part
            rest = rest[rows[taken:]]
    return parts


def _refuse_sklearn(seed: int, groups: Numbers | None) -> None:
    if seed >= 2**32:
        raise UserError(f"prepare.seed: {seed}, but prepare.split.method: sklearn needs one below 2**32")
    if groups is not None:
        raise UserError(
            "prepare.split.method: sklearn takes no account of groups (prepare.csv.group); "
            "use stratified or shuffle"
        )


def _refuse_official(official_test: NDArray[np.bool_] | None) -> None:
    if official_test is not None:
        raise UserError(
            "this dataset has a test split of its own, which is never learnt from; "
            "use reprise seeds, which tests on it, or take the test split away"
        )


def _refuse_shared_groups(groups: Numbers | None, official_test: NDArray[np.bool_]) -> None:
    if groups is None:
        return
    shared = np.intersect1d(groups[official_test], groups[~official_test])
    if len(shared):
        raise UserError(
            f"prepare.csv.group: {len(shared)} group(s) have rows in the test data and outside it; keep each "
            "in one of them, or set prepare.csv.group to null"
        )


def _refuse_empty(free: NDArray[np.uint8], split: Split, official: bool) -> None:
    rows = len(free)
    if not np.any(free == TRAIN):
        raise UserError(f"prepare.split: none of the {rows} rows outside the test split is left for training")
    if split.method == "none":
        return
    if not official and not np.any(free == TEST):
        raise UserError(f"prepare.split.test: {split.test} of {rows} rows is not one row; raise it")
    if split.val > 0 and not np.any(free == VAL):
        rest = rows - np.count_nonzero(free == TEST)
        raise UserError(
            f"prepare.split.val: {split.val} of {rest} rows is not one row; raise it or set it to 0"
        )


def _refuse_unlearnable(parts: NDArray[np.uint8], labels: Numbers, classes: Sequence[str]) -> None:
    everywhere = np.bincount(labels)
    in_train = np.bincount(labels[parts == TRAIN], minlength=len(everywhere))
    missing = np.flatnonzero((everywhere > 0) & (in_train == 0)).tolist()
    if missing:
        names = ", ".join(repr(classes[c]) if c < len(classes) else str(c) for c in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise UserError(
            f"prepare.split: no row in the train split for the class(es) {names}{more}; add rows of them, "
            "remove them, or use prepare.split.method: stratified"
        )
