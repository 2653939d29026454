"""Runs layers of random shapes on arrays of exactly their size, for `test_sanitizer.py`."""

from __future__ import annotations

import ctypes
import sys

import numpy as np
import products

ROUNDS = 60


def main(path: str) -> None:
    """Run the cases with the library at `path`."""
    kernels = ctypes.CDLL(path)
    for name in ("linear_packed", "convolution_packed"):
        getattr(kernels, name).restype = ctypes.c_ssize_t
    rng = np.random.default_rng(1)
    for number in range(ROUNDS):
        products.by_kernels(kernels, products.linear_case(rng, number))
        products.by_kernels(kernels, products.convolution_case(rng, number))
        products.matrices_by_kernels(kernels, products.matrices_case(rng, number))
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
