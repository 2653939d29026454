"""Which split each row of a table goes to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.data.folds import Fold
from reprise.data.split import assign
from reprise.foundation.errors import UserError
from reprise.settings.params import Prepare
from reprise.tables.ingest import Ingested
from reprise.tables.target import Target


def split_rows(
    table: Ingested,
    target: Target,
    params: Prepare,
    official_test: NDArray[np.bool_],
    fold: Fold | None = None,
) -> NDArray[np.uint8]:
    """Return the split of each row (rows,), as `assign` does.

    Parameters
    ----------
    table : Ingested
    target : Target
    params : Prepare
    official_test : array (rows,)
        Rows of a separate test file.
    fold : Fold, optional

    Raises
    ------
    UserError
        If the split is impossible.
    """
    return assign(
        len(official_test),
        params.split,
        params.seed,
        labels=target.y if target.task == "classification" else None,
        groups=_groups(table),
        official_test=official_test if official_test.any() else None,
        moments=_moments(table),
        classes=target.classes,
        fold=fold,
    )


def _groups(table: Ingested) -> NDArray[np.int64] | None:
    """Return each row's group, numbered in the order of appearance."""
    if table.roles.group is None:
        return None
    hashes = table.spill.column(list(table.types).index(table.roles.group))
    _, first, group_of = np.unique(hashes, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[group_of]


def _moments(table: Ingested) -> NDArray[np.float64] | None:
    """Return what orders the rows."""
    by = table.roles.by
    if by is None:
        return None
    kind = table.types[by].kind
    if kind not in ("date", "numeric"):
        raise UserError(
            f"prepare.split.by: column {by!r} is {kind} and has no order in time; name a date or a number, "
            "or say in prepare.csv.types that it is one"
        )
    return table.spill.column(list(table.types).index(by))
