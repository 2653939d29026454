"""Dealing rows out like cards: to parts of equal size, each class evenly too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def dealt(order: NDArray[np.int64], labels: NDArray[Any] | None, parts: int) -> NDArray[np.int64]:
    """Return each row's part, shape (rows,): parts differ by one row at most, in all and of each class.

    Parameters
    ----------
    order : array (rows,)
        All row numbers, in random order.
    labels : array (rows,), optional
        Class numbers.
    parts : int
    """
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    part = np.empty(len(order), np.int64)
    part[order] = np.arange(len(order)) % parts
    return part
