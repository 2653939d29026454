"""Standard normal numbers with the same bits on every machine.

`statistics.NormalDist` is made of the C library's functions, which differ from one to the next (see
`reprise.foundation.elementary`). Here only + − × ÷ and √ are used, which IEEE 754 rounds in one way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.foundation import seeds
from reprise.foundation.elementary import log

Floats = NDArray[np.float64]

# Coefficients of algorithm AS 241, PPND7 (M. J. Wichura, "The percentage points of the normal
# distribution", Applied Statistics 37, 1988), good to about 7 digits, which is what float32 holds:
# numerators and denominators of three rational functions, constant term first.
CENTRE = (
    (3.3871327179e0, 5.0434271938e1, 1.5929113202e2, 5.9109374720e1),
    (1.0, 1.7895169469e1, 7.8757757664e1, 6.7187563600e1),
)
TAIL = (
    (1.4234372777e0, 2.7568153900e0, 1.3067284816e0, 1.7023821103e-1),
    (1.0, 7.3700164250e-1, 1.2021132975e-1),
)
FAR_TAIL = (
    (6.6579051150e0, 3.0812263860e0, 4.2868294337e-1, 1.7337203997e-2),
    (1.0, 2.4197894225e-1, 1.2258202635e-2),
)


def normal(count: int, seed: int, purpose: str, *position: int | str) -> Floats:
    """Return `count` standard normal numbers, shape (count,), derived from the arguments alone."""
    steps = seeds.bits(count, seed, purpose, *position) >> np.uint64(12)
    # The middle of each of 2**52 equal steps: exact in float64, and never 0 or 1.
    return quantile((steps.astype(np.float64) + 0.5) * 2.0**-52)


def quantile(p: Floats) -> Floats:
    """Return the numbers below which a standard normal number falls with the probabilities `p`.

    Parameters
    ----------
    p : array (n,)
        Probabilities in (0, 1).

    Returns
    -------
    array (n,)
        Relative error below 1e-6.
    """
    from_middle = p - 0.5
    result = from_middle * _ratio(CENTRE, 0.180625 - from_middle * from_middle)
    outer = np.abs(from_middle) > 0.425
    r = np.sqrt(-log(np.minimum(p[outer], 1.0 - p[outer])))
    tail = np.where(r <= 5.0, _ratio(TAIL, r - 1.6), _ratio(FAR_TAIL, r - 5.0))
    result[outer] = np.copysign(tail, from_middle[outer])
    return result


def _ratio(function: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    above, below = (_polynomial(coefficients, x) for coefficients in function)
    return above / below


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    value = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value
