"""What every test needs: the pinned arithmetic, set before any test module loads torch."""

from __future__ import annotations

from reprise.numerics.runtime import pin

pin("portable")
