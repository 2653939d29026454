"""How many threads may share work out; their number can't change a byte of any result."""

from __future__ import annotations

import os

from reprise.foundation.errors import UserError


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(text: str) -> int:
    """Return the number that ``--workers`` asks for; auto is one per core.

    Raises
    ------
    UserError
        If `text` is neither a whole number ≥ 1 nor auto.
    """
    if text == "auto":
        return cores()
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise UserError(f"--workers: must be a whole number ≥ 1 or auto; found {text!r}")
    return int(text)
