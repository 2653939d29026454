"""Checkpoints: complete and exact; never used when damaged, nor by two; found again after a move."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import struct
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import forked
import numpy as np
import pytest
import torch
from tiny import same_bits

from reprise.foundation import throttle
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.states import STATE_VARIABLE, fingerprint, state_root
from reprise.training import checkpoint
from reprise.training.checkpoint import Checkpoints, unpack

TENSORS = {
    "model/weight": torch.tensor([[1.5, -0.0], [float("inf"), 1e-45]]),
    "model/steps": torch.tensor(7, dtype=torch.int64),  # 0-d
    "optimizer/step": torch.tensor(3.0),
    "optimizer/odd bits": torch.from_numpy(np.array([0x7FC00001, 0xFFC12345], np.uint32).view(np.float32)),
    "best/empty": torch.zeros(0, 3),
    "best/view": torch.arange(12.0).reshape(3, 4).T,
}
PROGRESS = {"epoch": 3, "sum": 0.1 + 0.2, "history": [{"lr": 1e-05, "val": None}], "name": "한글"}


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoints:
    checkpoints = Checkpoints(tmp_path / "train" / "abc")
    checkpoints.save(TENSORS, PROGRESS)
    return checkpoints


# What is saved comes back


def test_a_state_comes_back_bit_for_bit(saved: Checkpoints) -> None:
    body = saved.read()
    assert body is not None
    tensors, progress = unpack(body)
    assert same_bits(
        dict(sorted(tensors.items())), {name: t.contiguous() for name, t in sorted(TENSORS.items())}
    )
    assert progress == PROGRESS
    assert struct.pack("<d", progress["sum"]) == struct.pack("<d", 0.1 + 0.2)
    tensors["model/weight"].add_(1.0)  # training writes into them


def test_the_last_save_counts_and_leaves_nothing_else(saved: Checkpoints) -> None:
    saved.save({"model/weight": torch.ones(2)}, {"epoch": 4})
    body = saved.read()
    assert body is not None
    assert unpack(body)[1] == {"epoch": 4}
    assert [path.name for path in saved.folder.iterdir()] == ["checkpoint"]


def test_without_a_state_there_is_none(tmp_path: Path, capsys) -> None:
    assert Checkpoints(tmp_path / "none").read() is None
    assert capsys.readouterr() == ("", "")


def test_a_failed_save_keeps_the_state_before_it(saved: Checkpoints) -> None:
    before = saved.read()
    with pytest.raises(ValueError, match="not JSON compliant"):
        saved.save(TENSORS, {"loss": float("nan")})
    assert saved.read() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:0],
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data[:70],
        lambda data: data + b"\0",
        lambda data: data[:-10] + bytes([data[-10] ^ 1]) + data[-9:],
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[65:],
        lambda data: b"\xff" * len(data),
        lambda data: b"\n" + data,
    ],
    ids=[
        "empty",
        "a byte short",
        "half",
        "head only",
        "a byte long",
        "bit flip",
        "hash flip",
        "no hash",
        "noise",
        "lf",
    ],
)
def test_a_damaged_state_is_noted_set_aside_and_not_used(saved: Checkpoints, damage, capsys) -> None:
    saved.path.write_bytes(damage(saved.path.read_bytes()))
    assert saved.read() is None
    note = capsys.readouterr().err
    assert (
        "was damaged and is not used (kept as checkpoint.damaged); training starts from the beginning" in note
    )
    assert len(note.splitlines()) == 1
    assert not saved.path.exists()
    assert (saved.folder / "checkpoint.damaged").exists()
    assert saved.read() is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("body", [b"", b"not safetensors", checkpoint.tensors_bytes({"x": np.zeros(1)})])
def test_bytes_that_are_no_state_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a saved state"):
        unpack(body)


# The lock


def test_the_end_of_a_training_removes_its_state(saved: Checkpoints) -> None:
    with saved:
        assert (saved.folder.parent / "abc.lock").read_text() == str(os.getpid())
        saved.remove()
    assert list(saved.folder.parent.iterdir()) == []
    with saved:
        assert saved.read() is None


def test_leaving_keeps_the_state_and_frees_the_lock(saved: Checkpoints) -> None:
    for _ in range(2):
        with saved:
            assert saved.read() is not None


def hold(folder: Path, connection: Connection, removes: bool) -> None:
    """Hold the lock in another process until a message comes."""
    with Checkpoints(folder) as checkpoints:
        connection.send("held")
        connection.recv()
        if removes:
            checkpoints.remove()
            connection.send("removed")
            time.sleep(0.3)


@pytest.mark.parametrize("removes", [False, True])
def test_two_processes_are_kept_apart(tmp_path: Path, monkeypatch, removes: bool) -> None:
    folder = tmp_path / "train" / "abc"
    mine, theirs = multiprocessing.Pipe()
    holder = forked.start(hold, folder, theirs, removes)
    assert mine.recv() == "held"
    monkeypatch.setattr(checkpoint, "LOCK_PATIENCE", 0.3)
    with pytest.raises(EnvironmentProblem) as caught:
        Checkpoints(folder).__enter__()
    assert caught.value.problems == (
        f"train: process {holder.pid} is training with these very parameters and data; wait for it, or "
        "end it (its state is kept)",
    )
    # Who waits long enough gets it, from a holder that keeps the lock's file and from one that removes it.
    monkeypatch.setattr(checkpoint, "LOCK_PATIENCE", 20.0)
    mine.send("end")
    if removes:
        assert mine.recv() == "removed"
    with Checkpoints(folder) as checkpoints:
        assert (folder.parent / "abc.lock").read_text() == str(os.getpid())
        checkpoints.save(TENSORS, PROGRESS)
        holder.join(20)
        assert holder.exitcode == 0
        assert checkpoints.read() is not None
        monkeypatch.setattr(checkpoint, "LOCK_PATIENCE", 0.0)
        with pytest.raises(EnvironmentProblem):
            Checkpoints(folder).__enter__()


@pytest.mark.parametrize("made_again", [False, True])
def test_a_lock_on_a_removed_file_is_no_lock(tmp_path: Path, monkeypatch, made_again: bool) -> None:
    """The holder before may remove the file after we opened it, and another may make it again."""
    path = tmp_path / "abc.lock"
    lock = fcntl.flock
    calls = []

    def late(file: IO[str], operation: int) -> None:
        if not calls:
            path.unlink()
            if made_again:
                path.touch()
        calls.append(operation)
        lock(file, operation)

    monkeypatch.setattr(checkpoint.fcntl, "flock", late)
    with Checkpoints(tmp_path / "abc"):
        assert len(calls) == 2
        assert path.read_text() == str(os.getpid())


def test_a_killed_holder_holds_nothing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checkpoint, "LOCK_PATIENCE", 5.0)
    mine, theirs = multiprocessing.Pipe()
    holder = forked.start(hold, tmp_path / "abc", theirs, False)
    assert mine.recv() == "held"
    holder.kill()
    with Checkpoints(tmp_path / "abc"):
        pass


# Where


def test_the_state_is_at_the_main_repository(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(STATE_VARIABLE, raising=False)
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpabc"
    assert state_root(copy) == tmp_path / ".state"
    assert state_root(copy / "deeper") == tmp_path / ".state"
    assert state_root(copy.parent) == tmp_path / ".state"
    assert state_root(tmp_path) == tmp_path / ".state"
    assert state_root(tmp_path / ".dvc" / "tmp") == tmp_path / ".dvc" / "tmp" / ".state"
    monkeypatch.chdir(tmp_path)
    assert state_root() == tmp_path / ".state"
    monkeypatch.setenv(STATE_VARIABLE, "/elsewhere")
    assert state_root(copy) == Path("/elsewhere")
    monkeypatch.setenv(STATE_VARIABLE, "")
    assert state_root(copy) == tmp_path / ".state"


def test_a_project_that_is_a_folder_of_its_repository(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(STATE_VARIABLE, raising=False)
    copy = tmp_path / "recipes" / ".dvc" / "tmp" / "exps" / "standalone" / "tmpabc"
    for repository in (tmp_path, copy):
        (repository / ".git").mkdir(parents=True)
    assert state_root(copy) == tmp_path / ".state"  # where the recipes' stages run
    assert state_root(copy / "recipes") == tmp_path / "recipes" / ".state"


def test_a_copy_without_a_repository_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv(STATE_VARIABLE, raising=False)
    (tmp_path / ".git").mkdir()
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tune-abc" / "0"
    copy.mkdir(parents=True)
    assert state_root(copy) == tmp_path / ".state"


def test_the_fingerprint_sees_all_that_decides_a_training(tmp_path: Path) -> None:
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("1")
    two.write_text("2")
    base = fingerprint({"lr": 0.1}, [one, two], {"torch": "1"})
    assert len(base) == 64
    assert fingerprint({"lr": 0.1}, [two, one], {"torch": "1"}) == base
    others = [
        fingerprint({"lr": 0.2}, [one, two], {"torch": "1"}),
        fingerprint({"lr": 0.1, "seed": 1}, [one, two], {"torch": "1"}),
        fingerprint({"lr": 0.1}, [one], {"torch": "1"}),
        fingerprint({"lr": 0.1}, [one, two], {"torch": "2"}),
    ]
    two.write_text("3")
    others.append(fingerprint({"lr": 0.1}, [one, two], {"torch": "1"}))
    two.write_text("2")
    assert fingerprint({"lr": 0.1}, [one, two], {"torch": "1"}) == base
    elsewhere = tmp_path / "copy"
    elsewhere.mkdir()
    copies = [Path(path.rename(elsewhere / path.name)) for path in (one, two)]
    assert fingerprint({"lr": 0.1}, copies, {"torch": "1"}) == base  # a copy of the project resumes too
    copies[1] = copies[1].rename(elsewhere / "three.py")
    others.append(fingerprint({"lr": 0.1}, copies, {"torch": "1"}))
    assert len({base, *others}) == 7


# When


def test_saving_costs_two_percent_at_most(tmp_path: Path, monkeypatch) -> None:
    now = 1000.0
    monkeypatch.setattr(throttle, "time", SimpleNamespace(monotonic=lambda: now))
    checkpoints = Checkpoints(tmp_path / "abc")
    with checkpoints:
        assert not checkpoints.due()
        now += 1.9
        assert not checkpoints.due()
        now += 0.1
        assert checkpoints.due()

        def slow_write(*_args: object, **_options: object) -> None:
            nonlocal now
            now += 0.5

        monkeypatch.setattr(checkpoint, "write_bytes", slow_write)
        checkpoints.save({}, {})
        now += 24.9  # half a second is 2 % of 25
        assert not checkpoints.due()
        now += 0.2
        assert checkpoints.due()


def test_a_place_that_cannot_hold_states_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with (
        pytest.raises(NotADirectoryError, match="file/train"),
        Checkpoints(tmp_path / "file" / "train" / "abc"),
    ):
        pass
