"""Keep the memory that a step frees, so that the next step need not ask the system for it again."""

from __future__ import annotations

import ctypes
import sys

# Parameters of glibc's mallopt(3), as <malloc.h> numbers them.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
NEVER = 2**31 - 1  # bytes; the largest value that mallopt takes
OLD_GLIBC_LARGEST = 32 * 2**20  # bytes; larger mmap thresholds are refused by older releases


def keep_freed_memory() -> bool:
    """Let glibc keep freed memory for the next allocation; return whether it could be asked to.

    By default glibc returns large blocks to the system as soon as they are free. A training step frees and
    allocates the same tensors again and again, and every returned page then costs a page fault: a fifth of a
    small step's time (benchmarks/page_faults.py). The process stays at its peak size until it ends. Other C
    libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl, for one
        return False
    large = mallopt(M_MMAP_THRESHOLD, NEVER) or mallopt(M_MMAP_THRESHOLD, OLD_GLIBC_LARGEST)
    return bool(large and mallopt(M_TRIM_THRESHOLD, NEVER))
