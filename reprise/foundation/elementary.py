"""Elementary functions with the same bits on every machine, for what is drawn and prepared with NumPy.

`numpy.log`, `math.cos` and their like differ between processors and C libraries. Here only + − × ÷ are used,
which IEEE 754 rounds in one way, or decimal arithmetic. The kernels have theirs in special.h.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LN2 = 0.6931471805599453
LN2_TAIL = 2.3190468138462996e-17  # what ln 2 is more than that
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
FAR = 700.0  # e to the power of more, or less than its negative, leaves the normal numbers


def log(x: Floats) -> Floats:
    """Return the natural logarithm of positive numbers, to about 15 digits."""
    mantissa, exponent = np.frexp(x)  # x = mantissa × 2**exponent, exactly
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, 2.0 * mantissa, mantissa)
    exponent = exponent - small
    # ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + …) with |s| < 0.172: 12 terms reach the last bit.
    s = (mantissa - 1.0) / (mantissa + 1.0)
    series = np.zeros_like(s)
    for power in range(23, 0, -2):
        series = series * (s * s) + 1.0 / power
    return exponent * LN2 + 2.0 * s * series


def exp(x: Floats) -> Floats:
    """Return e to the power of numbers, to about 13 digits; those beyond ±700 are taken for ±700."""
    x = np.clip(x, -FAR, FAR)
    halvings = np.rint(x / LN2)
    rest = (x - halvings * LN2) - halvings * LN2_TAIL
    # e**rest = 1 + rest + rest²/2! + … with |rest| < 0.347: 14 terms reach the last bit.
    series = np.ones_like(rest)
    for number in range(14, 0, -1):
        series = series * rest / number + 1.0
    return np.ldexp(series, halvings.astype(np.int64))


@lru_cache
def circle(parts: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sines and the cosines of k/parts turns for k = 0 … parts-1, to the nearest float64.

    They come from Taylor's series in decimal arithmetic: the C library's may differ in their last bit
    from one machine to the next.
    """
    with localcontext() as context:
        context.prec = 60
        points = [_sine_and_cosine(2 * PI * k / parts) for k in range(parts)]
    sines, cosines = np.array(points).T
    return sines, cosines


def _sine_and_cosine(angle: Decimal) -> tuple[float, float]:
    """Return the sine and cosine of an angle below one turn."""
    sums = [Decimal(0), Decimal(1)]  # sine, cosine
    term, power = Decimal(1), 0
    while abs(term) > Decimal("1e-50"):
        power += 1
        term *= angle / power
        sums[1 - power % 2] += -term if power % 4 in (2, 3) else term
    sine, cosine = (float(round(value, 40)) + 0.0 for value in sums)  # what is 0 but for rounding becomes 0
    return sine, cosine
