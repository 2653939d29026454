"""A clone of the repository in which real dvc runs, and ways to disturb it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .runs import TIMEOUT

BRANCH = "proof"


class Project:
    """A repository of its own, with the state, the cache and the outputs of its runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_name(folder.name + ".log")
        plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.environment = plain | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DVC_NO_ANALYTICS": "1",
            **{f"GIT_{who}_{what}": "proof" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command in a process group of its own; its output goes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it prints."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT,
            check=False,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def change(self, old: str, new: str) -> None:
        """Replace a line of params.yaml."""
        path = self.folder / "params.yaml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"params.yaml has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def lock(self) -> bytes:
        """Return dvc.lock as it lies in the workspace."""
        return (self.folder / "dvc.lock").read_bytes()

    def experiments(self) -> list[str]:
        """Return the refs of finished experiments."""
        refs = self.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
        # refs/exps/12/3456…/name: the first commit, then the name; dvc keeps refs of its own beside them.
        return [ref for ref in refs if len(ref.split("/")[2]) == 2]

    def states(self) -> set[tuple[Path, int]]:
        """Return all saved states, each with its time."""
        found = (self.folder / ".state" / "train").glob("*/checkpoint")
        return {(path, path.stat().st_mtime_ns) for path in found}

    def logged(self) -> str:
        """Return all that the commands and the queue's runs printed."""
        files = [self.log, *(self.folder / ".dvc" / "tmp" / "exps").rglob("*.out")]
        return "\n".join(path.read_text(errors="replace") for path in files if path.exists())

    def processes(self, what: str = "") -> list[int]:
        """Return the processes that work below the project's folder and have `what` in their command."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                inside = (entry / "cwd").resolve().is_relative_to(self.folder)
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                if inside and what in words and int(entry.name) != os.getpid():
                    found.append(int(entry.name))
        return found

    def trainer(self) -> int:
        """Return the train stage's process."""
        (found,) = self.processes("stages.train")
        return found

    def kill(self, how: str) -> None:
        """Disturb the run: with kill -9 whom the name says, or by the signal that it says."""
        trainer = self.trainer()
        dvc = int(Path(f"/proc/{trainer}/stat").read_text().rsplit(")", 1)[1].split()[1])
        victims = {
            "kill -9 of all": (self.processes(), signal.SIGKILL),
            "kill -9 of dvc": ([dvc], signal.SIGKILL),
            "kill -9 of the script": ([trainer], signal.SIGKILL),
            "SIGINT": ([trainer, dvc], signal.SIGINT),
            "SIGTERM": ([dvc], signal.SIGTERM),
        }
        pids, number = victims[how]
        for pid in pids:
            send(pid, number)


def send(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 180.0) -> None:
    """Return as soon as a condition holds.

    Raises
    ------
    AssertionError
        If it doesn't in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)
