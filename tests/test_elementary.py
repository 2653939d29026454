"""Elementary functions beside mpmath's and long doubles."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprise.foundation.elementary import circle, exp, log


@pytest.mark.parametrize("parts", [7, 12, 24, 31, 366, 3600])
def test_points_of_a_circle_are_the_nearest_floats(parts: int) -> None:
    for found, exact in zip(circle(parts), (mpmath.sin, mpmath.cos), strict=True):
        with mpmath.workdps(60):
            expected = [exact(2 * mpmath.pi * k / parts) for k in range(parts)]
            rounded = [float(value) if abs(value) > 1e-40 else 0.0 for value in expected]
        assert found.tolist() == rounded
        assert not np.signbit(found[found == 0]).any()


@given(st.floats(1e-300, 1e300))
def test_the_portable_logarithm_is_the_logarithm(x: float) -> None:
    expected = float(np.log(np.longdouble(x)))
    assert log(np.array([x]))[0] == pytest.approx(expected, rel=1e-14, abs=1e-15)


@given(st.floats(-700, 700))
def test_the_portable_exponential_is_the_exponential(x: float) -> None:
    assert exp(np.array([x]))[0] == pytest.approx(float(np.exp(np.longdouble(x))), rel=2e-13)


def test_the_exponential_ends_in_normal_numbers() -> None:
    assert exp(np.array([-1e9, 1e9])).tolist() == exp(np.array([-700.0, 700.0])).tolist()
    assert 0.0 < exp(np.array([-1e9]))[0] < 1e-300
    assert exp(np.array([0.0]))[0] == 1.0
