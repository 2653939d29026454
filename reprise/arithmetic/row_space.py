"""Rows that are fewer than their columns, as coordinates in the space that they span.

A linear model whose penalty is the sum of squared weights has weights in the span of its rows, so turning the
axes changes no output and no penalty: n rows of any number of columns become n rows of n coordinates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.arithmetic.library import kernels

Doubles = NDArray[np.float64]
# Of the rows' mean square, added to each row's own: equal rows would leave nothing to divide by.
TIE = 1e-10


class RowSpace:
    """Coordinates of rows along axes that they span: C with C · Cᵀ = X · Xᵀ, and no value above C's diagonal.

    Parameters
    ----------
    x : array (rows, columns) of float32
        Fewer rows than columns, as a rule.

    Attributes
    ----------
    coordinates : array (rows, rows) of float32
    """

    def __init__(self, x: NDArray[np.float32]) -> None:
        self._x, rows = x, len(x)
        products = np.zeros((rows + 1, rows + 1))
        columns_of_rows, no_mean = np.ascontiguousarray(x.T), np.zeros(rows)
        kernels().gram(
            columns_of_rows.ctypes.data, no_mean.ctypes.data, x.shape[1], rows, products.ctypes.data
        )
        inner = np.ascontiguousarray(products[:rows, :rows])
        inner[np.diag_indices(rows)] += TIE * float(np.cumsum(inner.diagonal())[-1]) / rows
        kernels().factorise(inner.ctypes.data, rows)
        self._factor = np.ascontiguousarray(np.triu(inner).T)
        self.coordinates = self._factor.astype(np.float32)

    def weights(self, of_coordinates: Doubles) -> Doubles:
        """Return weights of the columns, [outputs, columns], with the same outputs as coordinates'."""
        left = of_coordinates.copy()
        made = np.zeros((len(left), self._x.shape[1]))
        for row in reversed(range(len(self._x))):
            share = left[:, row] / self._factor[row, row]
            left[:, :row] -= share[:, None] * self._factor[row, :row]
            made += share[:, None] * self._x[row].astype(np.float64)
        return made
