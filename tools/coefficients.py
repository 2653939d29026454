"""Print the coefficients in reprise/arithmetic/c/special.h (mpmath comes with torch, by way of sympy).

Each polynomial interpolates its function at Chebyshev's points in 60 digits; then each coefficient is rounded
to double. The greatest relative error of what is built from it is printed beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath
from mpmath import mpf

mpmath.mp.dps = 60
HALF_LN2 = mpmath.log(2) / 2 * mpf("1.00001")  # a little wider: x * log2(e) is rounded before it is cut
MIDDLE = 4  # of the Moebius map of [0, infinity) to [-1, 1) under the normal tail
FARTHEST = 15  # beyond, the tail times 15 is below half of the least float


def exponential(q: mpf) -> mpf:
    """Return c for q = r^2, where e^r = (c + r) / (c - r), so c = r coth(r / 2); by its series near 0."""
    r = mpmath.sqrt(q)
    return r * mpmath.coth(r / 2) if q > mpf("1e-12") else 2 + q / 6 - q * q / 360


def logarithm(q: mpf) -> mpf:
    """Return (2 atanh(s) - 2 s) / s^3 for q = s^2."""
    return mpmath.fsum(2 * q**k / (2 * k + 3) for k in range(80))


def normal_tail(t: mpf) -> mpf:
    """Return Q(a) e^(a^2 / 2) / v for t = 1 - 8 v, v = 1 / (a + 4); Q is the normal distribution's tail."""
    v = (1 - t) / (2 * MIDDLE)
    a = 1 / v - MIDDLE
    return mpmath.erfc(a / mpmath.sqrt(2)) / 2 * mpmath.exp(a * a / 2) / v


def rounded(function: Callable[[mpf], mpf], low: mpf, high: mpf, degree: int) -> list[float]:
    """Return the coefficients as doubles, the constant first."""
    return [float(c) for c in reversed(mpmath.chebyfit(function, [low, high], degree + 1))]


def worst(error: Callable[[mpf], mpf], low: mpf, high: mpf) -> float:
    """Return the greatest magnitude of the error over 1,001 points."""
    return float(max(abs(error(low + (high - low) * k / 1000)) for k in range(1001)))


def table(name: str, coefficients: list[float], error: float) -> None:
    """Print one table as C."""
    print(f"/* relative error {error:.1e} = 2^{float(mpmath.log(error, 2)):.1f} */")
    print(f"static const double {name}[] = {{")
    hexes = [c.hex() for c in coefficients]
    for k in range(0, len(hexes), 4):
        print("    " + ", ".join(hexes[k : k + 4]) + ",")
    print("};")


def main() -> None:
    """Print all tables and constants."""
    c = rounded(exponential, mpf(0), HALF_LN2**2, 3)

    def power(r: mpf) -> mpf:
        middle = mpmath.polyval(c[::-1], r * r)
        return (middle + r) / (middle - r) / mpmath.exp(r) - 1

    table("EXP_MIDDLE", c, worst(power, -HALF_LN2, HALF_LN2))
    c = rounded(logarithm, mpf(0), mpf(1) / 9, 8)

    def twice_atanh(s: mpf) -> mpf:
        return (2 * s + s**3 * mpmath.polyval(c[::-1], s * s)) / (2 * mpmath.atanh(s)) - 1

    table("LOG_TAIL", c, worst(twice_atanh, mpf("1e-6"), mpf(1) / 3))
    low, high = mpf(-1), mpf(FARTHEST - MIDDLE) / (FARTHEST + MIDDLE)
    c = rounded(normal_tail, low, high, 14)
    table("NORMAL_TAIL", c, worst(lambda t: mpmath.polyval(c[::-1], t) / normal_tail(t) - 1, low, high))
    for name, value in (
        ("LOG2_E", 1 / mpmath.log(2)),
        ("LN2", mpmath.log(2)),
        ("DENSITY_AT_0", 1 / mpmath.sqrt(2 * mpmath.pi)),
    ):
        print(f"#define {name} {float(value).hex()}")


if __name__ == "__main__":
    main()
