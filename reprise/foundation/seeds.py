"""Randomness as a function: every random choice is derived from a seed, a purpose and a position.

There is no global generator and no generator state to save. ``bits(seed, "order", epoch)`` is the
same on every machine, in every process and after every restart. Only the raw output of NumPy's
Philox is used: its stream is fixed, while the methods of ``numpy.random.Generator`` may change
between versions (NEP 19).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray


def derive(seed: int, purpose: str, *position: int | str) -> int:
    """Return a 63-bit integer that depends on all arguments and on nothing else."""
    text = "\x1f".join([str(seed), purpose, *map(str, position)])
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little") >> 1


def bits(count: int, seed: int, purpose: str, *position: int | str) -> NDArray[np.uint64]:
    """Return `count` random 64-bit integers, shape (count,)."""
    raw = np.random.Philox(key=derive(seed, purpose, *position)).random_raw(count)
    return np.asarray(raw, dtype=np.uint64)


def uniform(count: int, seed: int, purpose: str, *position: int | str) -> NDArray[np.float64]:
    """Return `count` numbers in [0, 1), multiples of 2**-53, shape (count,)."""
    return (bits(count, seed, purpose, *position) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def integers(count: int, below: int, seed: int, purpose: str, *position: int | str) -> NDArray[np.int64]:
    """Return `count` integers in [0, below), shape (count,); the bias is below 2**-40."""
    return (bits(count, seed, purpose, *position) % np.uint64(below)).astype(np.int64)


def permutation(count: int, seed: int, purpose: str, *position: int | str) -> NDArray[np.int64]:
    """Return the integers 0 … count-1 in random order, shape (count,).

    A stable sort of random keys: the result depends on the keys alone, not on a shuffling algorithm.
    """
    return np.argsort(bits(count, seed, purpose, *position), kind="stable").astype(np.int64)
