"""What every test needs: the pinned arithmetic, set before any test module loads torch."""

from __future__ import annotations

import sys

import pytest

from reprise.numerics.runtime import configure, pin

pin("portable")


@pytest.fixture(scope="session", autouse=True)
def _portable_arithmetic() -> None:
    """Set torch's own switches too, unless the chosen tests do without torch: it takes seconds to load."""
    if "torch" in sys.modules:
        configure("cpu", "portable")
