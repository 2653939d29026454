"""Variants that take turns: each a process of its own that waits until it is asked.

All are warm and the rounds are interleaved, so that a noisy machine disturbs all alike; medians are quoted. A
variant's process prints one figure for each line that it reads; it ends when its input does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import IO

ROOT = Path(__file__).parents[1]
READY = "ready"
BUSY = "while True: pass"


@dataclass(frozen=True)
class Variant:
    """A process to be measured.

    Attributes
    ----------
    name : str
    words : sequence of str
        The script and its arguments.
    python : str
        The interpreter.
    environment : mapping
        Variables besides this process's own.
    """

    name: str
    words: Sequence[str]
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)


class Turns:
    """The running processes of variants; those that can't start are named and left out."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._errors: dict[int, IO[str]] = {}  # what processes say besides, by their number
        for variant in variants:  # one after the other: imports don't compete
            process = self._start(variant)
            if _line(process) == READY:
                self._processes[variant.name] = process
            else:
                process.wait()
                print(f"left out: {variant.name}: {self._last_word(process)}", file=sys.stderr)

    def __enter__(self) -> Turns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
            process.wait()

    def rounds(self, count: int, warm_up: int = 1) -> dict[str, list[float]]:
        """Return the figures of `count` rounds, after some that warm up."""
        found: dict[str, list[float]] = {name: [] for name in self._processes}
        for number in range(count + warm_up):
            for name in self._processes:
                figure = self._ask(name)
                if number >= warm_up:
                    found[name].append(figure)
        return found

    def busy_rounds(self, count: int) -> dict[str, list[float]]:
        """Return the same beside another process that computes all the time."""
        other = subprocess.Popen([sys.executable, "-c", BUSY])
        try:
            return self.rounds(count)
        finally:
            other.kill()
            other.wait()

    def _ask(self, name: str) -> float:
        """Give a process its turn; return its figure."""
        process = self._processes[name]
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        line = _line(process)
        if not line:
            process.wait()
            raise SystemExit(f"benchmarks: {name} ended early: {self._last_word(process)}")
        return float(line)

    def _last_word(self, process: subprocess.Popen[str]) -> str:
        errors = self._errors[process.pid]
        errors.seek(0)
        lines = errors.read().strip().splitlines()
        return lines[-1] if lines else f"its process ended with {process.returncode}"

    def _start(self, variant: Variant) -> subprocess.Popen[str]:
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variant.environment,
        }  # fmt: skip
        errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (lives with its process)
        process = subprocess.Popen(
            [variant.python, *variant.words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment,
        )  # fmt: skip
        self._errors[process.pid] = errors
        return process


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def importable(python: str, package: str) -> bool:
    """Whether an interpreter finds a package."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def machine() -> str:
    """Return a line about the machine and what else it did."""
    names = [line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")]
    name = names[0] if names else "unknown processor"
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{name}, {len(os.sched_getaffinity(0))} cores; load before the start {load}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column to the left and the others to the right."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = cells
        shown = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        return f"| {' | '.join(shown)} |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Return ``median (least … largest)``."""
    return f"{median(values):{form}} ({min(values):{form}} … {max(values):{form}})"


def ratio(values: Mapping[str, Sequence[float]], one: str, other: str) -> float | None:
    """Return the median of the rounds' ratios of two variants, None where one is missing."""
    if not values.get(one) or not values.get(other):
        return None
    return median(a / b for a, b in zip(values[one], values[other], strict=True))
