"""The same bytes from the train stage: any workers, any ranks, and after any kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import forked
import pytest
from train_process import Place, stage, world

from reprise.foundation.states import STATE_VARIABLE
from reprise.training.display import Display

ROOT = Path(__file__).parents[1]


# Whoever computes it


@pytest.mark.parametrize("workers", ["1", "2", "3", "auto"])
def test_the_number_of_workers_changes_no_byte(workers: str, place: Place, real: Place) -> None:
    assert place.train("--workers", workers) == 0
    assert place.outputs() == real.outputs()
    assert place.states() == []


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_number_of_ranks_changes_no_byte(size: int, place: Place, real: Place) -> None:
    processes = world(place, size)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * size
    assert place.outputs() == real.outputs()
    assert place.log.count("trained 3 epochs") == 1


def test_torchrun_changes_no_byte(place: Place, real: Place) -> None:
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "stages.train"]
    done = subprocess.run(
        [sys.executable, *command, *place.arguments()],
        cwd=ROOT,
        env={**os.environ, STATE_VARIABLE: str(place.folder / "state")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert place.outputs() == real.outputs()


# Killed and resumed


@pytest.mark.parametrize("at", [2, 4, 9])
def test_killed_and_resumed_the_bytes_are_the_same(at: int, place: Place, real: Place) -> None:
    assert place.train("--workers=2", die_at=at, saves=True) == -signal.SIGKILL
    assert place.outputs().keys() <= {"metrics/history.csv"}  # half grown, where the machine is slow
    assert "checkpoint" in place.states()
    assert place.train("--workers=1") == 0
    assert f"resuming in epoch {(at - 2) // 3 + 1} after step {(at - 2) % 3 + 1}\n" in place.log
    assert place.outputs() == real.outputs()
    assert place.states() == []


def test_killed_before_the_first_state_it_starts_again(place: Place, real: Place) -> None:
    assert place.train(die_at=5) == -signal.SIGKILL
    assert place.train() == 0
    assert "resuming" not in place.log
    assert place.outputs() == real.outputs()


def test_killed_again_and_again_among_changing_numbers_of_ranks(place: Place, real: Place) -> None:
    assert place.train(die_at=3, saves=True) == -signal.SIGKILL
    for size, at in ((3, 5), (2, 8)):
        processes = world(place, size, die_at=at, saves=True)
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [-signal.SIGKILL] * size
    assert place.train("--workers=3") == 0
    assert place.log.count("resuming") == 3
    assert place.outputs() == real.outputs()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_asked_to_stop_it_keeps_its_state(number: int, code: int, place: Place, real: Place) -> None:
    assert place.train(die_at=4, by=number) == code
    assert place.log.splitlines()[-1] == "train: stopped in epoch 2; the state is kept"
    assert "Traceback" not in place.log
    assert place.outputs() == {}
    assert place.train() == 0
    assert "resuming in epoch 2 after step 2\n" in place.log
    assert place.outputs() == real.outputs()


def orphan(arguments: list[str], folder: Path) -> None:
    """A parent that waits for its stage, as dvc does."""
    if os.fork() == 0:
        report = Display.report

        def slow_report(self: Display, done: int, total: int, row: Any) -> None:
            report(self, done, total, row)
            (folder / "started").touch()
            time.sleep(0.2)

        Display.report = slow_report  # type: ignore[method-assign]
        try:
            stage(arguments, {})
        except SystemExit as end:
            (folder / "ended").write_text(str(end.code))
        os._exit(0)
    os.wait()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path.name}"
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="the death of a parent is a signal on Linux only")
def test_it_stops_when_its_parent_is_killed(place: Place, real: Place) -> None:
    state = {STATE_VARIABLE: str(place.folder / "state")}
    parent = forked.start(orphan, place.arguments(), place.folder, log=place.folder / "log", **state)
    wait_for(place.folder / "started")
    parent.kill()
    wait_for(place.folder / "ended")
    assert (place.folder / "ended").read_text() == "143"
    assert place.train() == 0
    assert "resuming" in place.log
    assert place.outputs() == real.outputs()


def test_a_damaged_state_is_noted_and_not_used(place: Place, real: Place) -> None:
    assert place.train(die_at=5, saves=True) == -signal.SIGKILL
    (path,) = (place.folder / "state").rglob("checkpoint")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert place.train() == 0
    assert "note: the saved state" in place.log
    assert "resuming" not in place.log
    assert place.outputs() == real.outputs()


def test_a_changed_parameter_starts_fresh_and_changing_back_continues(place: Place, real: Place) -> None:
    assert place.train(die_at=5, saves=True) == -signal.SIGKILL
    place.params(lr=0.01)
    assert place.train() == 0
    assert "resuming" not in place.log
    assert place.outputs() != real.outputs()
    place.params()
    assert place.train() == 0
    assert "resuming in epoch 2 after step 1" in place.log
    assert place.outputs() == real.outputs()
