"""A study without trainings: which trials it makes, from which seed, and what an interruption leaves."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from postgres import PASSWORD, server
from project_copy import ROOT, environment

from reprise.foundation.errors import UserError
from reprise.tuning.space import Tuning
from reprise.tuning.storage import JOURNAL
from reprise.tuning.study import SAME, Study, Trial

TUNING = Tuning.model_validate(
    {
        "startup": 4,
        "prune": {"trials": 2, "epochs": 2},
        "space": {
            "train.lr": {"kind": "float", "low": 0.001, "high": 1.0, "log": True},
            "train.optimizer": {"kind": "choice", "values": ["sgd", "adam"]},
            "train.momentum": {"kind": "float", "low": 0.0, "high": 0.9, "when": {"train.optimizer": "sgd"}},
            "model.mlp.hidden": {"kind": "choice", "values": [[8], [8, 8]]},
        },
    }
)


def study(folder: Path, url: str | None = None, **changes: Any) -> Study:
    folder.mkdir(exist_ok=True)
    return Study("abc", TUNING.model_copy(update=changes), "loss", url, folder)


def train(own: Study, trial: Trial) -> None:
    """End a trial with a loss that its learning rate decides."""
    own.finish(trial, abs(math.log10(trial.drawn["train.lr"] / 0.5)))


def carry_out(own: Study, most: int) -> None:
    while (trial := own.next(most)) is not None:
        train(own, trial)


def made(own: Study) -> list[tuple[int, Any, Any]]:
    return [(trial.number, trial.user_attrs["drawn"], trial.value) for trial in own.done()]


def test_the_same_seed_gives_the_same_trials_however_often_interrupted(tmp_path: Path) -> None:
    whole = study(tmp_path / "whole")
    carry_out(whole, 12)
    assert len(made(whole)) == 12
    parts = tmp_path / "parts"
    for most in (3, 7):
        carry_out(study(parts), most)
        left = study(parts).next(most + 1)  # begun, and its process killed
        assert left is not None
    with (parts / JOURNAL).open("ab") as journal:
        journal.write(b'{"op_code": 4, "worker')  # the power failed
    (parts / f"{JOURNAL}.lock").symlink_to(parts / JOURNAL)
    last = study(parts)
    carry_out(last, 12)
    assert made(last) == made(whole)
    other = study(tmp_path / "other", seed=2)
    carry_out(other, 12)
    assert made(other) != made(whole)


def test_the_search_learns(tmp_path: Path) -> None:
    own = study(tmp_path)
    carry_out(own, 30)
    losses = [trial.value or 0.0 for trial in own.done()]
    assert median(losses[15:]) < median(losses[:10]) / 2
    assert max(own.importance(), key=lambda name: own.importance()[name]) == "train.lr"
    assert {"train.momentum" in drawn for _, drawn, _ in made(own)} == {True, False}


def test_a_trial_below_the_median_is_not_worth_going_on_with(tmp_path: Path) -> None:
    own = study(tmp_path)
    for value in (0.3, 0.2, 0.1):
        trial = own.next(9)
        assert trial is not None
        assert all(own.goes_on(trial, epoch, value) for epoch in (1, 2, 3))
        own.finish(trial, value)
    bad, good = own.next(9), own.next(9)
    assert bad is not None
    assert good is not None
    assert own.goes_on(bad, 1, 9.0)  # every trial gets so many epochs
    assert not own.goes_on(bad, 2, 9.0)
    own.finish(bad, None)
    assert own.goes_on(good, 2, 0.1)
    again = study(tmp_path)  # a resumed training tells an epoch again
    left = again.next(9)
    assert left is not None
    assert left.number == good.number
    assert again.goes_on(left, 2, 0.1)
    patient = study(tmp_path / "patient", prune=None)
    for value in (0.1, 0.2, 0.3, 9.0):
        trial = patient.next(9)
        assert trial is not None
        assert patient.goes_on(trial, 5, value)
        patient.finish(trial, value)


def test_values_that_were_trained_are_found_again(tmp_path: Path) -> None:
    own = study(tmp_path, space={"model.mlp.hidden": TUNING.space["model.mlp.hidden"]})
    twins = []
    while (trial := own.next(8)) is not None:
        if (twin := own.twin(trial)) is not None:
            own.finish(trial, twin.value, **{SAME: twin.number})
            twins.append(twin.number)
        else:
            own.finish(trial, float(trial.number))
    assert len(twins) == 6
    assert len({str(drawn) for _, drawn, _ in made(own)}) == 2


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "--storage: not one of a database; write dialect://"),
        ("sqlite://", "--storage: sqlite needs a file"),
        ("sqlite:////no/such/folder/a.db", "--storage: unable to open database file"),
        ("fancy://me@here/db", "--storage: no driver for this URL"),
        (f"postgresql://me:{PASSWORD[:4]}@127.0.0.1:1/db", "--storage: connection"),
    ],
)
def test_a_storage_that_cannot_be_used_is_told_in_a_line(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        study(tmp_path, url)
    (line,) = caught.value.problems
    assert line.startswith(message)
    assert "\n" not in line
    assert PASSWORD[:4] not in line


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::optuna.exceptions.ExperimentalWarning")
def test_sqlite_is_a_storage_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    carry_out(study(tmp_path / "a", url), 6)
    journal = study(tmp_path / "b")
    carry_out(journal, 6)
    assert made(study(tmp_path / "a", url)) == made(journal)


WORK = """
import sys, time; sys.path[:0] = ["tests"]
from pathlib import Path
from test_tune_study import carry_out, study
folder = Path(sys.argv[1])
own = study(folder, sys.argv[2])
(folder / "ready").touch()
while len(list(folder.parent.glob("*/ready"))) < 2:  # else one is done before the other begins
    time.sleep(0.01)
carry_out(own, 10)
"""


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::optuna.exceptions.ExperimentalWarning")
def test_two_processes_share_a_study_in_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as url:
        command = [sys.executable, "-c", WORK]
        at_work = [
            subprocess.Popen([*command, str(tmp_path / name), url], cwd=ROOT, env=environment())
            for name in ("a", "b")
        ]
        assert [process.wait(120) for process in at_work] == [0, 0]
        own = study(tmp_path / "a", url)
        numbers = [number for number, _, _ in made(own)]
        assert numbers == list(range(len(numbers)))
        assert 10 <= len(numbers) <= 11  # both may have begun the last one
        homes = {trial.user_attrs["home"] for trial in own.done()}
        assert len(homes) == 2
        # A machine that died: its trial goes to another when it has been silent for long.
        left = own.next(99)
        assert left is not None
        monkeypatch.setattr("reprise.tuning.storage.SILENCE", 1)
        time.sleep(2.5)
        other = study(tmp_path / "b", url)
        other.alive()
        again = other.next(99)
        assert again is not None
        assert again.drawn == left.drawn
        assert not own.goes_on(left, 1, 0.5)
        own.finish(left, 0.5)  # it comes too late
        other.finish(again, 0.25)
        assert made(other)[-1] == (again.number, left.drawn, 0.25)
        assert left.number not in [number for number, _, _ in made(other)]
