"""Which values are equal and how they are ordered, by a stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def distinct(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each row's place among the different values, in order, and how many rows each has.

    What ``np.unique(values, return_inverse=True, return_counts=True)`` returns, by a stable sort: the
    other one has code of its own for each processor, and an emulator was seen to get it wrong.

    Parameters
    ----------
    values : array (rows,)
        Without NaN.

    Returns
    -------
    place : array (rows,)
    counts : array (different values,)
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    new = np.concatenate([np.ones(min(1, len(values)), dtype=bool), ordered[1:] != ordered[:-1]])
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return place, np.bincount(place).astype(np.int64)
