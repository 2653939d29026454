"""kill -9 at any moment, resumed with other workers or processes, changes nothing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from .cases import CASES, Section, with_changes, write_cases
from .conftest import Row
from .runs import ROOT, TIMEOUT, environment, run_cases, torchrun, words

Victim = Literal["all", "launcher", "a worker"]
# Long enough for kills to meet many states.
LONG: dict[str, Section] = {
    "mlp": with_changes(CASES["mlp"], {"train": {"epochs": 1000}}),
    "cnn": with_changes(CASES["cnn"], {"train": {"epochs": 400}}),
    "cnn_norm": with_changes(CASES["cnn_norm"], {"train": {"epochs": 300}}),
}
LONGEST = 0.8  # seconds from the training's start or its first save to the kill
# How a segment of the training runs: command start, workers, who is killed.
WAYS: list[tuple[int, int, Victim]] = [
    (1, 1, "all"), (1, 2, "all"), (1, 4, "all"),
    (2, 1, "all"), (3, 1, "launcher"), (2, 1, "a worker"), (4, 1, "all"),
]  # fmt: skip


class Segment:
    """One start of a training, in a process group of its own."""

    def __init__(self, folder: Path, name: str, world: int, workers: int) -> None:
        launcher = [sys.executable] if world == 1 else torchrun(world)
        command = [*launcher, *words(folder, [name], "train", workers, often=True)]
        self.state = folder / ".state" / "train"
        self.saved_before = self.saves()
        self.log = folder / f"{name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment(folder), stdout=log, stderr=log, start_new_session=True
            )

    def wait_for(self, what: Callable[[], object]) -> bool:
        """Return whether something came to hold while the training ran."""
        deadline = time.monotonic() + TIMEOUT
        while self.process.poll() is None and time.monotonic() < deadline:
            if what():
                return True
            time.sleep(0.01)
        return False

    def has_begun(self) -> bool:
        """Whether the training holds its lock."""
        return any(_is_held(lock) for lock in self.state.glob("*.lock"))

    def has_saved(self) -> bool:
        """Whether this start has saved a state."""
        return self.saves() > self.saved_before

    def saves(self) -> float:
        """Return the time of the latest state."""
        with contextlib.suppress(OSError):
            return max((path.stat().st_mtime for path in self.state.glob("*/checkpoint")), default=0.0)
        return 0.0

    def kill(self, victim: Victim) -> None:
        """kill -9, and wait until nobody trains any more."""
        pid = self.process.pid
        workers = _children(pid)
        victims = {"all": [pid, *workers], "launcher": [pid], "a worker": workers[-1:]}
        for one in victims[victim]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self.process.wait(TIMEOUT)


def _is_held(lock: Path) -> bool:
    """Whether a live process wrote its number into a lock file."""
    with contextlib.suppress(OSError, ValueError):
        return Path(f"/proc/{int(lock.read_text())}").exists()
    return False


def _children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(line) for line in found.split()]


def train_through_kills(folder: Path, name: str, case: Section, kills: int, seed: int) -> tuple[int, int]:
    """Train, killed again and again, until it is done; return the numbers of kills and of resumes."""
    choose = random.Random(seed)
    write_cases(folder, {name: case})
    done, resumed = 0, 0
    while True:
        world, workers, victim = choose.choice(WAYS)
        segment = Segment(folder, name, world, workers)
        killed = False
        moment = segment.has_begun if choose.random() < 0.25 else segment.has_saved
        if done < kills and segment.wait_for(moment):
            delay = choose.uniform(0.0, LONGEST)
            with contextlib.suppress(subprocess.TimeoutExpired):
                segment.process.wait(delay)
            killed = segment.process.poll() is None
            segment.kill(victim)
            done += killed
            way = f"world {world}, workers {workers}, {victim}"
            print(f"{name}: kill {done}, {delay:.3f} s after {moment.__name__}, {way}")
        code = segment.process.wait(TIMEOUT)
        text = segment.log.read_text()
        resumed += "resuming in epoch" in text
        if code == 0:
            return done, resumed
        assert killed, f"{name} failed by itself (exit {code}):\n{text[-3000:]}"


def prove(tmp_path: Path, name: str, case: Section, kills: int, seed: int) -> None:
    print(f"seed {seed}")
    cases = {name: case}
    undisturbed = run_cases(tmp_path / "undisturbed", cases)
    total = resumes = rounds = 0
    row = Row(f"{kills} times kill -9, resumed in other ways ({name})", name, undisturbed / name)
    while total < kills:
        folder = tmp_path / f"round{rounds}"
        run_cases(folder, cases, stages="prepare")
        done, resumed = train_through_kills(folder, name, case, kills - total, seed + rounds)
        total, resumes, rounds = total + done, resumes + resumed, rounds + 1
        run_cases(folder, cases, stages="evaluate")
        (folder / f"{name}.log").unlink()
        row.add(folder / name)
        assert rounds < 20, "the training ends before it can be killed"
    print(f"{name}: {total} kills, {resumes} resumes, {rounds} trainings")
    assert resumes >= kills // 2, "few kills met a state; make the trainings longer"


def test_kills_in_short(tmp_path: Path) -> None:
    prove(tmp_path, "cnn_norm", with_changes(LONG["cnn_norm"], {"train": {"epochs": 10}}), 1, seed=7)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "seed"), [("mlp", 100), ("cnn", 200), ("cnn_norm", 300)])
def test_eight_kills(tmp_path: Path, name: str, seed: int) -> None:
    prove(tmp_path, name, LONG[name], 8, seed)
