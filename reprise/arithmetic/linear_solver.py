"""Linear models, solved: the weights and biases that minimise the mean loss and a penalty on squared weights.

Newton's method with an upper bound of the Hessian, which for squared error is the Hessian itself and for
cross-entropy a multiple of the same matrix (Böhning, 1992), so one factorisation serves all steps; L-BFGS
(Liu & Nocedal, 1989) learns the rest of the curvature on top. All in float64: + − × ÷ of NumPy by values,
and the kernels' sums (docs/arithmetic.md, "Linear models, solved").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.arithmetic.library import kernels

Doubles = NDArray[np.float64]
# Of the Hessian of a row's loss by its outputs, by `enum loss`: cross-entropy, binary, squared error.
CURVATURE = (0.5, 0.25, 2.0)
TIE = 1e-10  # of each column's variance is added to its penalty, so that equal columns share a weight
REMEMBERED = 20  # steps
MOST_STEPS = 1000
MOST_TRIALS = 50  # lengths of a step
PRECISION = 1e-20
SLACK = 1e-12  # of the loss without weights: differences below it are rounding


class Solution(NamedTuple):
    """Weights, [outputs, columns + 1], of columns less their means; the last are the biases."""

    weights: Doubles
    steps: int


class LinearProblem:
    """Rows and targets that a linear model is fitted to.

    Parameters
    ----------
    x : array (rows, columns) of float32
    targets : array (rows,) of int64 or float32
        Class numbers or values.
    loss : int
        ``enum loss`` of program.h.
    outputs : int
    smoothing : float
        Label smoothing.
    between : callable
        Called before each evaluation of all rows; what it raises ends the work.
    """

    def __init__(
        self, x: NDArray[np.float32], targets: NDArray[Any], loss: int, outputs: int, smoothing: float,
        between: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.x, self.targets = np.ascontiguousarray(x), np.ascontiguousarray(targets)
        self.loss, self.outputs, self.smoothing, self.between = loss, outputs, smoothing, between
        self.rows, self.columns = self.x.shape
        self.mean = np.zeros(self.columns)
        kernels().column_means(self.x.ctypes.data, self.rows, self.columns, self.mean.ctypes.data)

    @cached_property
    def gram(self) -> Doubles:
        """The columns' products with each other, a row; above the diagonal and on it."""
        made = np.zeros((self.columns + 1, self.columns + 1))
        kernels().gram(self.x.ctypes.data, self.mean.ctypes.data, self.rows, self.columns, made.ctypes.data)
        made /= self.rows
        return made

    @cached_property
    def loss_without_weights(self) -> float:
        """What the loss is before anything is learnt: the scale of what is left to gain."""
        return self.mean_loss(self.start())[0]

    def start(self) -> Doubles:
        """Return weights of 0."""
        return np.zeros((self.outputs, self.columns + 1))

    def mean_loss(self, weights: Doubles) -> tuple[float, Doubles]:
        """Return the mean loss over the rows and its gradient."""
        self.between()
        total, gradient = self._sums(self.x, self.targets, self.smoothing, weights)
        return total / self.rows, gradient / self.rows

    def loss_of(self, x: NDArray[np.float32], targets: NDArray[Any], weights: Doubles) -> float:
        """Return the loss of other rows, summed, without smoothing."""
        return self._sums(np.ascontiguousarray(x), np.ascontiguousarray(targets), 0.0, weights)[0]

    def _sums(
        self, x: NDArray[np.float32], targets: NDArray[Any], smoothing: float, weights: Doubles
    ) -> tuple[float, Doubles]:
        weights, gradient = np.ascontiguousarray(weights), np.empty_like(weights)
        total = kernels().linear_loss(
            self.loss, x.ctypes.data, self.mean.ctypes.data, targets.ctypes.data, len(x), self.columns,
            self.outputs, smoothing, weights.ctypes.data, gradient.ctypes.data,
        )  # fmt: skip
        return float(total), gradient

    def penalties(self, weight_decay: float) -> Doubles:
        """Return the penalty of each column's squared weight; the bias has none."""
        penalties = weight_decay + TIE * self.gram.diagonal()
        penalties[penalties == 0.0] = 1.0  # a constant column without a penalty: its weight stays 0
        penalties[-1] = 0.0
        return penalties

    def in_own_unit(self, weights: Doubles) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return weights and biases for columns as they stand, rounded to float32."""
        slopes = weights[:, :-1].astype(np.float32)
        shifts = [product(row, self.mean) for row in slopes.astype(np.float64)]
        return slopes, (weights[:, -1] - shifts).astype(np.float32)


class Point(NamedTuple):
    """Weights, and the penalised loss and its gradient there."""

    weights: Doubles
    value: float
    gradient: Doubles


def solve(
    problem: LinearProblem, weight_decay: float, start: Doubles | None = None, precision: float = PRECISION
) -> Solution:
    """Return the weights that minimise the mean loss + weight_decay / 2 · their sum of squares.

    Parameters
    ----------
    problem : LinearProblem
    weight_decay : float
    start : array, optional
        Where to begin, for example at the solution for another weight decay.
    precision : float
        What a step may still gain at the end, as a share of the loss without weights.
    """
    penalties = problem.penalties(weight_decay)
    factor = CURVATURE[problem.loss] * problem.gram
    factor[np.diag_indices_from(factor)] += penalties
    kernels().factorise(factor.ctypes.data, len(factor))

    def at(weights: Doubles) -> Point:
        loss, gradient = problem.mean_loss(weights)
        pulled = penalties * weights
        return Point(weights, loss + 0.5 * product(weights, pulled), gradient + pulled)

    def newton(gradient: Doubles) -> Doubles:
        made = gradient.copy()
        kernels().solve(factor.ctypes.data, made.ctypes.data, made.shape[1], made.shape[0])
        return made

    here, memory = at(problem.start() if start is None else start), Memory()
    scaled = newton(here.gradient)
    for step in range(MOST_STEPS):
        if product(here.gradient, scaled) <= precision * problem.loss_without_weights:
            return Solution(here.weights, step)
        there = _step(at, here, -memory.times(here.gradient, newton), SLACK * problem.loss_without_weights)
        if there is None:
            return Solution(here.weights, step)
        before, scaled = scaled, newton(there.gradient)
        memory.add(there.weights - here.weights, there.gradient - here.gradient, scaled - before)
        here = there
    return Solution(here.weights, MOST_STEPS)


class Memory:
    """The last steps, and the inverse Hessian that they show."""

    def __init__(self) -> None:
        self._pairs: deque[tuple[Doubles, Doubles, float]] = deque(maxlen=REMEMBERED)
        self._scale = 1.0

    def add(self, step: Doubles, change: Doubles, scaled_change: Doubles) -> None:
        """Remember a step, what it changed in the gradient, and the bound's inverse times that."""
        along = product(step, change)
        if along > 0.0:
            self._pairs.append((step, change, along))
            self._scale = along / product(change, scaled_change)

    def times(self, gradient: Doubles, newton: Callable[[Doubles], Doubles]) -> Doubles:
        """Return the inverse Hessian times a gradient."""
        shares = []
        for step, change, along in reversed(self._pairs):
            share = product(step, gradient) / along
            gradient = gradient - share * change
            shares.append(share)
        made = self._scale * newton(gradient)
        for (step, change, along), share in zip(self._pairs, reversed(shares), strict=True):
            made = made + (share - product(change, made) / along) * step
        return made


def _step(at: Callable[[Doubles], Point], here: Point, direction: Doubles, slack: float) -> Point | None:
    """Return the first point tried along a direction where the slope is less steep; None: rounding hides it.

    The function is convex: beyond such a point the slope only rises, so halving finds one.
    """
    slope = product(here.gradient, direction)
    low, high, length = 0.0, float("inf"), 1.0
    for _ in range(MOST_TRIALS):
        there = at(here.weights + length * direction)
        new = product(there.gradient, direction)
        if there.value > here.value + slack or new > -0.5 * slope:
            high = length
        elif new < 0.9 * slope:
            low = length
        else:
            return there
        length = 2.0 * length if high == float("inf") else 0.5 * (low + high)
    return None


def product(one: Doubles, other: Doubles) -> float:
    """Return the sum of the products of all values, a row sum."""
    one, other = np.ascontiguousarray(one), np.ascontiguousarray(other)
    return float(kernels().sum_of_products(one.ctypes.data, other.ctypes.data, one.size))
