"""Equal values and their order, beside numpy.unique."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reprise.foundation.ordering import distinct


@given(st.lists(st.sampled_from([-1.5, -0.0, 0.0, 0.25, 1e300, float("inf")]) | st.floats(allow_nan=False)))
def test_distinct_is_numpys_unique(values: list[float]) -> None:
    array = np.array(values, dtype=np.float64)
    _, place, counts = np.unique(array, return_inverse=True, return_counts=True)
    found_place, found_counts = distinct(array)
    assert found_place.tolist() == place.tolist()
    assert found_counts.tolist() == counts.tolist()
