"""The processes that train, as the one that started them sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from reprise.foundation.states import STATE_VARIABLE, state_root
from reprise.spread.side_by_side import ONE_THREAD

WAIT = 30.0  # seconds for a process to save its state


class Worker:
    """A process that trains, and its copy of the project.

    Parameters
    ----------
    folder : Path
        Of the copy.
    log : Path
        Gets what it prints.
    threads : int
        That a training of its own may use.
    """

    def __init__(self, folder: Path, log: Path, threads: int) -> None:
        self.errors = log
        state = str(state_root().absolute())  # where the trainings' states are found again
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reprise.tuning.work", str(folder)], encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
                env={**os.environ, **dict.fromkeys(ONE_THREAD, str(threads)), STATE_VARIABLE: state},
            )  # fmt: skip

    def tell(self, **what: Any) -> None:
        """Say something; a process that has ended is noticed when it is heard."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()

    def hear(self) -> dict[str, Any] | None:
        """Wait for what it has to say; None: it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line.endswith("\n") else None

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to save its state and end."""
        self._process.terminate()

    def close(self) -> None:
        """Say that there is nothing more to do, and see that it ends."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
