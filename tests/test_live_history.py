"""history.csv while it grows: where DVC looks for it, whole again after a kill, and gone after a failure."""

from __future__ import annotations

import csv
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from train_process import OUTPUTS, PARAMS, Place

from reprise.foundation.errors import UserError
from reprise.training import live_history
from reprise.training.live_history import LiveHistory
from reprise.training.progress import History

HISTORY = "metrics/history.csv"
FAST = {"grows": True, "saves": True}


def rows(count: int) -> list[History]:
    empty = dict.fromkeys(("weight_decay", "train_accuracy", "val_loss", "val_accuracy"))
    return [{"epoch": n + 1, "lr": 0.1, "train_loss": 1.0 / (n + 1), **empty} for n in range(count)]


def epochs(path: Path) -> list[str]:
    with path.open(newline="") as stream:
        return [row["epoch"] for row in csv.DictReader(stream)]


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveHistory:
    monkeypatch.setattr(live_history, "SHORTEST_INTERVAL", 0.0)
    return LiveHistory(tmp_path / "history.csv", writes=True)


def test_it_grows_with_every_epoch(history: LiveHistory) -> None:
    with history:
        for count in (1, 2, 3):
            history.grown(rows(count))
            history._throttle.share = float("inf")
            assert len(epochs(history.path)) == count
    assert len(epochs(history.path)) == 3


def test_a_short_training_writes_it_once_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    with LiveHistory(path, writes=True) as history:
        history.grown(rows(1))
        assert not path.exists()
        history.write(rows(2))
    assert epochs(path) == ["1", "2"]


@pytest.mark.parametrize("before", [None, b"epoch\n1\n"])
@pytest.mark.parametrize("failure", [UserError("diverged"), KeyboardInterrupt(), MemoryError()])
def test_a_failure_takes_it_back(history: LiveHistory, before: bytes | None, failure: BaseException) -> None:
    if before is not None:
        history.path.write_bytes(before)
    fail = pytest.raises(type(failure))
    with fail, history:
        history.grown(rows(2))
        assert epochs(history.path) == ["1", "2"]
        raise failure
    assert (history.path.read_bytes() if history.path.exists() else None) == before
    assert len(list(history.path.parent.iterdir())) == (before is not None)


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    with LiveHistory(tmp_path / "history.csv", writes=False) as history:
        history.write(rows(1))
    assert list(tmp_path.iterdir()) == []


# The train stage


def test_killed_in_the_middle_it_stands_there_and_the_next_run_completes_it(
    place: Place, real: Place
) -> None:
    assert place.train("--workers=2", die_at=8, **FAST) == -signal.SIGKILL
    assert place.outputs().keys() == {HISTORY}
    assert place.outputs()[HISTORY] == b"".join(real.outputs()[HISTORY].splitlines(keepends=True)[:3])
    (place.folder / HISTORY).unlink()  # as DVC does before it runs the stage again
    process = place.start(grows=True, pause=0.3)
    wait_for((place.folder / HISTORY).exists)
    assert epochs(place.folder / HISTORY)[:2] == ["1", "2"]  # before the third has ended
    process.join(60)
    assert process.exitcode == 0
    assert place.outputs() == real.outputs()


def test_stopped_by_a_signal_it_leaves_no_history(place: Place, real: Place) -> None:
    assert place.train(die_at=8, by=signal.SIGTERM, **FAST) == 128 + signal.SIGTERM
    assert place.outputs() == {}
    assert place.train(**FAST) == 0
    assert place.outputs() == real.outputs()


def test_a_diverged_training_leaves_the_outputs_of_the_one_before(place: Place, real: Place) -> None:
    assert place.train() == 0
    train = {"epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 100.0, "weight_decay": 1e6}
    wild = {**PARAMS, "model": {"kind": "linear"}, "train": train}  # its weights grow by 10⁸ a step
    (place.folder / "params.yaml").write_text(json.dumps(wild))
    assert place.train(grows=True) == 2
    assert "in epoch 2: the training diverged" in place.log
    assert place.outputs() == real.outputs()
    assert [name for name in place.states() if name == "live.json"] == []


def test_a_bags_history_is_the_mean_so_far(place: Place) -> None:
    place.params(folds=2)
    assert place.train("--workers=1", steps=18) == 0
    wanted = place.outputs()
    for name in OUTPUTS:
        (place.folder / name).unlink()
    assert place.train("--workers=1", die_at=12, steps=18, **FAST) == -signal.SIGKILL
    assert len(epochs(place.folder / HISTORY)) == 3  # of the first network
    assert place.train("--workers=2", steps=18, **FAST) == 0
    assert place.outputs() == wanted
