"""How long `reprise tune` takes in this checkout, and how busy it keeps the cores.

``python benchmarks/tuning.py [OPTIONS OF REPRISE TUNE]``, such as ``--params recipes/mnist.yaml``. Other
programs may take the cores away: what counts is the share of the time in which the workers' threads ran or
waited for a core, as Linux counts it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from reprise.foundation.workers import cores

WORK = b"reprise.tuning.work"
LOOK = 0.2  # seconds


def worker_threads() -> dict[str, tuple[int, int]]:
    """Return the nanoseconds that each thread of a worker has run, and has waited for a core."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if WORK in (process / "cmdline").read_bytes().split(b"\0"):
                for thread in (process / "task").iterdir():
                    ran, waited, _ = map(int, (thread / "schedstat").read_text().split())
                    found[thread.name] = (ran, waited)
        except OSError:  # it ended this moment
            continue
    return found


def main() -> None:
    """Run the search and print the figures."""
    command = [sys.executable, "-m", "reprise.cli", "tune", *sys.argv[1:]]
    began, threads = time.monotonic(), {}
    process = subprocess.Popen(command)
    while process.poll() is None:
        threads |= worker_threads()
        time.sleep(LOOK)
    if process.returncode != 0 or not threads:
        sys.exit(process.returncode)
    seconds = time.monotonic() - began
    ran, waited = (sum(times) / 1e9 for times in zip(*threads.values(), strict=True))
    print(
        f"{seconds:.1f} s; of {cores()} cores, workers had {ran / seconds / cores():.0%} and waited for "
        f"{waited / seconds / cores():.0%}: busy {(ran + waited) / seconds / cores():.0%}"
    )


if __name__ == "__main__":
    main()
