"""A 64-bit number for each row, equal for equal rows, and a sample of rows that no order can bias."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**13  # words mixed at a time: they stay in the processor's cache
STEP = np.uint64(0x9E3779B97F4A7C15)
Hashes = NDArray[np.uint64]


def mixed(words: Hashes) -> Hashes:
    """Scramble 64-bit words one to one: the output function of SplitMix64 (Steele, Lea, Flood, 2014)."""
    words = words.copy()
    shifted = np.empty_like(words)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        np.right_shift(words, np.uint64(shift), out=shifted)
        np.bitwise_xor(words, shifted, out=words)
        if factor != 1:
            np.multiply(words, np.uint64(factor), out=words)
    return words


def row_hashes(x: NDArray[Any]) -> Hashes:
    """Return a hash of each row, shape (rows,); 0.0 and -0.0 are equal.

    Rows that differ get the same hash with a probability of about 2**-64 a pair. It is no protection
    against someone who wants two rows to collide.

    Parameters
    ----------
    x : array (rows, …) of uint8, float32 or float64
    """
    rows = len(x)
    if rows == 0:
        return np.zeros(0, np.uint64)
    flat = x.reshape(rows, -1)
    width = -(-flat.shape[1] * flat.itemsize // 8)
    hashes = np.empty(rows, np.uint64)
    # A word's place goes into its mixing: the same values in another order are another row.
    places = np.arange(1, width + 1, dtype=np.uint64) * STEP
    step = max(1, BLOCK // max(1, width))
    for start in range(0, rows, step):
        part = flat[start : start + step]
        words = np.zeros((len(part), width), np.uint64)
        values = words.view(flat.dtype)[:, : flat.shape[1]]
        np.add(part, flat.dtype.type(0), out=values)  # -0.0 + 0 is 0.0
        hashes[start : start + step] = mixed(words + places).sum(axis=1, dtype=np.uint64)
    return hashes


def cell_hashes(cells: NDArray[np.uint64], column: int) -> Hashes:
    """Return a hash of each cell (rows,) of a column of words; those of a row add up to the row's hash.

    ``row_hashes(x)`` is the sum over the columns of a table `x` of 64-bit words.
    """
    return mixed(cells + np.array([column + 1], np.uint64) * STEP)


class Sample:
    """Up to `size` rows of a stream, chosen by their ids: the same ones however the stream is cut.

    Each row has a random key that depends on its id alone; those with the smallest keys are kept.

    Parameters
    ----------
    size : int
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._keys: list[Hashes] = []
        self._rows: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self._below = np.uint64(2**64 - 1)  # keys above can't be among the smallest

    def add(self, ids: NDArray[np.int64], x: NDArray[Any], y: NDArray[Any]) -> None:
        """Offer rows: ids (rows,), x (rows, features), y (rows,)."""
        keys = mixed(ids.astype(np.uint64) * STEP)
        kept = np.flatnonzero(keys <= self._below)
        self._keys.append(keys[kept])
        self._rows.append((x[kept], y[kept]))
        if sum(map(len, self._keys)) > 2 * self.size:
            self._shrink()

    def rows(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the sample's x (rows, features) and y (rows,)."""
        if not self._keys:
            return np.zeros((0, 0)), np.zeros(0)
        self._shrink()
        return self._rows[0]

    def _shrink(self) -> None:
        keys = np.concatenate(self._keys)
        order = np.argsort(keys, kind="stable")[: self.size]
        x, y = (np.concatenate(parts)[order] for parts in zip(*self._rows, strict=True))
        self._keys, self._rows = [keys[order]], [(x, y)]
        if len(order) == self.size:
            self._below = keys[order[-1]]
