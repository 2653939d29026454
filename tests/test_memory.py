"""Freed memory is kept: glibc stops giving large blocks back between two steps."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest

from reprise.arithmetic.memory import M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, OLD_GLIBC_LARGEST, keep_freed_memory

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
COUNT_FAULTS = """
import ctypes, resource, sys
from reprise.arithmetic.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
def step():
    blocks = [libc.malloc(8 << 20) for _ in range(3)]
    for block in blocks:
        ctypes.memset(block, 1, 8 << 20)
    for block in blocks:
        libc.free(block)
step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not GLIBC, reason="needs glibc")
def test_a_second_step_touches_no_new_page() -> None:
    def faults(variant: str) -> int:
        command = [sys.executable, "-c", COUNT_FAULTS, variant]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert 5 * faults("kept") < faults("default")  # 4 KiB pages: none beside 30,720; with huge ones fewer


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    assert not keep_freed_memory()
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: pytest.fail("looked for a library"))
    assert not keep_freed_memory()


def test_an_older_glibc_gets_the_largest_value_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def mallopt(name: int, value: int) -> int:
        asked.append((name, value))
        return int(name != M_MMAP_THRESHOLD or value <= OLD_GLIBC_LARGEST)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    assert keep_freed_memory()
    assert [name for name, _ in asked] == [M_MMAP_THRESHOLD, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD]
    assert asked[1][1] == OLD_GLIBC_LARGEST
