"""Scores of the normal distribution at even shares, the same wherever they are computed."""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import NDArray

DIGITS = 30


@functools.cache
def _scores(count: int) -> tuple[float, ...]:
    with localcontext() as context:
        context.prec = DIGITS
        half = Decimal("0.5")
        return tuple(float(quantile((number + half) / count)) for number in range(count))


def normal_scores(count: int) -> NDArray[np.float32]:
    """Return the normal quantiles at (k + ½) / count, k from 0 on.

    Decimal arithmetic is defined to the last digit, unlike the logarithms of a C library.
    """
    return np.array(_scores(count), np.float64).astype(np.float32)


def quantile(share: Decimal) -> Decimal:
    """Return the standard normal quantile of a share in (0, 1), by Newton's method on the distribution."""
    if share > Decimal("0.5"):
        return -quantile(1 - share)
    x = -((-2 * share.ln()).sqrt()) if share < Decimal("0.02") else Decimal(4) * share - 2
    for _ in range(60):
        step = (below(x) - share) / density(x)
        x -= max(min(step, Decimal("0.5")), Decimal("-0.5"))
        if abs(step) < Decimal("1e-20"):
            break
    return x


def density(x: Decimal) -> Decimal:
    """Return the standard normal density."""
    return (-x * x / 2).exp() * Decimal("0.398942280401432677939946059934")


def below(x: Decimal) -> Decimal:
    """Return the normal distribution's mass below x ≤ 0, by the series of Marsaglia (2004)."""
    term = total = x
    number = 1
    while abs(term) > Decimal("1e-27"):
        number += 2
        term *= x * x / number
        total += term
    return Decimal("0.5") + total * density(x)
