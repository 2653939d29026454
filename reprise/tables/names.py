"""Column names: clean, unique, and compared as people read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def clean(name: str) -> str:
    """Return a name in composed Unicode form (NFC) with single spaces: macOS writes Hangul decomposed."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def column_names(first: Sequence[str], header: bool) -> tuple[str, ...]:
    """Return a name for each column.

    Parameters
    ----------
    first : sequence of str
        The first record.
    header : bool
        Whether it holds names. An empty name, or no header, gives ``column_3`` (counted from 1).
    """
    names = [clean(cell) if header else "" for cell in first]
    return unique(name or f"column_{number}" for number, name in enumerate(names, 1))


def unique(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with `` (2)``, `` (3)`` … after those that stood before."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, count = name, 1
        while candidate in seen:
            count += 1
            candidate = f"{name} ({count})"
        seen.add(candidate)
        result.append(candidate)
    return tuple(result)
