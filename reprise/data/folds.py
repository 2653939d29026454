"""Cross-validation: which rows are the test split of which fold.

The folds are dealt as `prepare.split.method` shares rows out, so that the mean over the folds speaks of the
same question as the one split does.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reprise.data.groups import share_groups
from reprise.data.time_split import nearest
from reprise.foundation import seeds
from reprise.foundation.dealing import dealt
from reprise.foundation.errors import UserError
from reprise.foundation.ordering import distinct

Numbers = NDArray[np.int64]
NEVER = -1  # tested in no fold
UNSPLIT = (
    "prepare.split.method: none tests on the training rows, and folds test on rows that were held out; "
    "use stratified or shuffle"
)


@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation.

    Attributes
    ----------
    number : int
        From 0.
    count : int
        Of all folds, at least 2.
    """

    number: int
    count: int


def fold_of_rows(
    rows: int,
    folds: int,
    method: str,
    seed: int,
    labels: Numbers | None,
    groups: Numbers | None,
    moments: NDArray[np.float64] | None,
    before: int,
) -> Numbers:
    """Return the fold that tests each row, shape (rows,); every row is tested once, but for `time`.

    Parameters
    ----------
    rows, folds : int
    method : str
        Of the split. ``stratified``: folds differ by one row at most in each class, or by as little as whole
        groups allow. ``sklearn``: ``KFold(folds, shuffle=True, random_state=seed)``. ``time``: forward
        chaining (see `later_and_later`).
    seed : int
    labels, groups, moments : array (rows,), optional
        As for `reprise.data.split.assign`.
    before : int
        How many splits ``time`` has to fill from the rows before the first fold: train, and val if wanted.

    Raises
    ------
    UserError
        If there are not enough rows, groups or moments.
    """
    if folds > rows:
        raise UserError(f"{rows} rows cannot fill {folds} folds; ask for fewer")
    match method:
        case "time":
            if moments is None:
                raise ValueError("time needs moments")
            return later_and_later(moments, folds, before)
        case "sklearn":
            return _like_sklearn(rows, folds, seed)
        case "none":
            raise UserError(UNSPLIT)
    strata = labels if method == "stratified" else None
    if groups is None:
        return dealt(seeds.permutation(rows, seed, "test folds"), strata, folds)
    wanted = dict.fromkeys(range(folds), Fraction(1, folds))
    return share_groups(groups, strata, wanted, seed, f"{folds} folds; ask for fewer").astype(np.int64)


def later_and_later(moments: NDArray[np.float64], folds: int, before: int) -> Numbers:
    """Return the fold that tests each row; -1 for the rows before the first fold.

    The rows in the order of time are cut into folds + 1 parts as scikit-learn's ``TimeSeriesSplit`` cuts
    them: each fold tests one part and learns from all parts before it. Rows of one moment stay together, so
    a fold begins at the moment whose first row is nearest to where it would begin.

    Parameters
    ----------
    moments : array (rows,)
    folds : int
    before : int
        Different moments that are needed before the first fold.
    """
    place, counts = distinct(moments)
    if len(counts) < before + folds:
        raise UserError(
            f"prepare.split.by: {len(counts)} different value(s) cannot fill {folds} folds and the "
            f"{before} split(s) before them, and rows of one value stay together; ask for fewer folds"
        )
    starts = np.cumsum(counts) - counts  # rows before each moment
    size = len(moments) // (folds + 1)
    fold_of_moment = np.full(len(counts), NEVER, np.int64)
    first = before
    for fold in range(folds):
        last = len(counts) - (folds - fold)  # each later fold needs a moment too
        begin = nearest(starts[first : last + 1], len(moments) - (folds - fold) * size)
        first = int(np.searchsorted(starts, begin))
        fold_of_moment[first:] = fold
        first += 1
    return fold_of_moment[place]


def _like_sklearn(rows: int, folds: int, seed: int) -> Numbers:
    """Deal as scikit-learn's KFold does: its shuffled row numbers in runs, the first ones longer by one."""
    fold = np.empty(rows, np.int64)
    order = np.random.RandomState(seed).permutation(rows)
    for number, part in enumerate(np.array_split(order, folds)):
        fold[part] = number
    return fold
