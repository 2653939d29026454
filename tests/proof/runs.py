"""Starting the child program in all the ways that may not change a byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reprise.foundation.states import STATE_VARIABLE

from .cases import CASES, Section, write_cases

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("child.py")
ALL_STAGES = "prepare,train,evaluate"
TIMEOUT = 600


def environment(folder: Path, extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment with the state kept below `folder`.

    Without OpenBLAS' variables: a core that is named for this machine may be none of an emulated one's.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    return own | {STATE_VARIABLE: str(folder / ".state"), "PYTHONPATH": str(ROOT)} | (extra or {})


def words(
    folder: Path,
    cases: Iterable[str],
    stages: str = ALL_STAGES,
    workers: object = "auto",
    often: bool = False,
) -> list[str]:
    """Return the child's command line, after the interpreter."""
    line = [str(CHILD), str(folder), ",".join(cases), stages, str(workers)]
    return [*line, "often"] if often else line


def torchrun(world: int) -> list[str]:
    """Return the start of a command line that runs a script in `world` processes."""
    return [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]


def run_cases(
    folder: Path,
    cases: dict[str, Section] | None = None,
    *,
    stages: str = ALL_STAGES,
    workers: object = "auto",
    launcher: list[str] | None = None,
    extra: dict[str, str] | None = None,
    **popen: Any,
) -> Path:
    """Run cases (all of `CASES` by default) in a new process and return the folder with the outputs."""
    cases = CASES if cases is None else cases
    write_cases(folder, cases)
    command = [*(launcher or [sys.executable]), *words(folder, cases, stages, workers)]
    options = {"cwd": ROOT, "env": environment(folder, extra)} | popen
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False, **options)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return folder
