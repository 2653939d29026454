"""`reprise watch`: what it says of trainings that run, are interrupted, or are none."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
from project_copy import copy_project, environment, run
from test_live_history import rows, wait_for
from train_process import Place

from reprise import cli
from reprise.foundation.durations import duration
from reprise.foundation.errors import UserError
from reprise.foundation.locks import is_held
from reprise.foundation.states import STATE_VARIABLE
from reprise.training import standing
from reprise.training.checkpoint import Checkpoints
from reprise.training.display import Display
from reprise.training.live import LIVE_FILE, LiveFile, best, curve, live_files
from reprise.training.standing import Standing
from reprise.watching.names import names
from reprise.watching.text import PLAIN_BARS, sparkline

ROOT = Path(__file__).parents[1]
ABOUT = {"params": "params.yaml", "folder": "/p", "root": "/p", "settings": {"train": {"lr": 0.1}}}


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


# How far, how fast, how long


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (59.7, "60 s"), (119, "119 s"), (120, "2 min"), (3599, "1 h"), (4800, "1 h 20 min")],
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_speed_and_time_left_are_those_of_a_steady_training(clock: Clock) -> None:
    standing = Standing()
    standing.begin("rows", 5 * 1000, 5)  # of 10 steps each: 100 rows a step
    for done in range(1, 26):
        clock.now += 2.0
        standing.note(done, 50)
    assert standing.rate == pytest.approx(50.0)
    assert standing.left == pytest.approx(2.0 * 25)
    assert standing.place == (3, 5, 10)
    assert standing.text() == "epoch 3/5  step 5/10  50 rows/s  about 50 s left"


def test_speed_is_that_of_late(clock: Clock) -> None:
    standing_now = Standing()
    standing_now.begin("rows", 10_000, 1)
    for done in range(1, 201):
        clock.now += 10.0 if done <= 100 else 0.5
        standing_now.note(done, 1000)
    assert standing_now.rate == pytest.approx(20.0)
    assert len(standing_now._samples) == standing.SAMPLES


def test_before_the_first_step_and_of_a_bag_and_of_pictures() -> None:
    standing = Standing()
    assert standing.text() == "getting ready"
    standing.begin("rows", 1000, 5)
    standing.networks = ((2, 3), 5)
    standing.note(5, 50)
    assert standing.text() == "networks 2 and 3 of 5  epoch 1/5"
    standing.begin("pictures", 300, 1)
    standing.note(8, 300)
    assert standing.text() == "features of 8/300 pictures"


# In a log and on a terminal


def test_a_log_gets_a_line_every_half_minute_and_not_one_a_step(clock: Clock, capsys) -> None:
    with Display(2, True) as display:
        display.begin("rows", 20_000, 2)
        for done in range(1, 1001):
            clock.now += 0.1
            display.report(done, 2000, None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3  # of 100 seconds
    assert re.fullmatch(r"epoch 1/2  step 30\d/1,000  100 rows/s  about 3 min left", lines[0])


def test_a_short_training_says_nothing_more(clock: Clock, capsys) -> None:
    with Display(1, True) as display:
        display.begin("rows", 1000, 1)
        for done in range(1, 1001):
            clock.now += 0.001
            display.report(done, 1000, None)
    assert capsys.readouterr() == ("", "")


SHOW = """
import time
from reprise.training.display import Display
with Display(3, True) as display:
    display.begin("rows", 3000, 3)
    for done in range(1, 31):
        time.sleep(0.03)
        display.report(done, 30, None)
"""


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_gets_a_bar_without_colours(term: str) -> None:
    own, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    done = subprocess.Popen(
        [sys.executable, "-c", SHOW], stdout=theirs, stderr=theirs, cwd=ROOT,
        env={**os.environ, "TERM": term, "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            some = os.read(own, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not some:
            break
        shown += some
    done.wait()
    os.close(own)
    text = shown.decode()
    assert not re.search(r"\x1b\[[0-9;]*m", text)
    assert ("epoch 1/3" in text) == ("rows/s" in text) == (term == "xterm")


# The live file


def test_the_live_file_tells_of_a_training_and_goes_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "train" / "abc"
    standing = Standing()
    with Checkpoints(folder), LiveFile(folder, ABOUT, standing, "loss", True) as live:
        standing.begin("rows", 100, 5)
        standing.note(7, 50)
        live.history = rows(3)
        live.write()
        (found,) = live_files(tmp_path)
        assert found["running"] is True
        assert found["pid"] == os.getpid()
        assert found["progress"]["epoch"] == 1
        assert found["last"]["epoch"] == 3
    assert list(live_files(tmp_path)) == []
    assert not (folder / LIVE_FILE).exists()


def test_a_file_that_is_no_live_file_is_passed_over(tmp_path: Path) -> None:
    for name, content in (("a", "{"), ("b", "[]"), ("c", "{}"), ("d", "\xff")):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / LIVE_FILE).write_text(content, encoding="latin-1")
    assert list(live_files(tmp_path)) == []


def test_a_lock_is_held_as_long_as_its_holder_lives(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "abc")
    with Checkpoints(tmp_path / "abc"):
        assert is_held(tmp_path / "abc")
    assert not is_held(tmp_path / "abc")


def test_the_best_epoch_is_the_first_of_equals() -> None:
    history = [
        {"epoch": n, "val_loss": loss, "val_accuracy": 1 - loss} for n, loss in ((1, 0.5), (2, 0.2), (3, 0.2))
    ]
    assert best(history, "loss") == {"name": "val_loss", "value": 0.2, "epoch": 2}
    assert best(history, "accuracy") == {"name": "val_accuracy", "value": 0.8, "epoch": 2}
    assert best(rows(3), "loss") is None


@pytest.mark.parametrize("count", [1, 2, 59, 60, 61, 1999])
def test_a_long_curve_is_thinned_out_between_its_ends(count: int) -> None:
    found = curve(rows(count))
    assert found is not None
    values = found["values"]
    assert found["name"] == "train_loss"
    assert len(values) == min(count, 60)
    assert (values[0], values[-1]) == (1.0, 1.0 / count)
    assert values == sorted(values, reverse=True)


# As text


def test_a_sparkline_has_the_shape_of_its_values() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3.0, 3.0]) == "▁▁"
    assert sparkline([1.0, 0.0, 0.5], PLAIN_BARS) == "#_="


def test_runs_are_named_by_file_and_experiment_and_by_what_differs(tmp_path: Path) -> None:
    root = str(tmp_path)
    copy = tmp_path / ".dvc/tmp/exps/standalone/tmpabc"
    recipe = tmp_path / "recipes/.dvc/tmp/exps/standalone/tmpdef"  # a DVC project of its own
    for folder, name in ((copy, "dopey-cat"), (recipe, "lazy-dog")):
        info = folder.parents[1] / "run/1/1.run"
        info.parent.mkdir(parents=True)
        info.write_text(json.dumps({"root_dir": str(folder), "name": name}))
        (info.parent / "2.run").write_text("{")

    def of(folder: object, **train: object) -> dict[str, Any]:
        settings = {"train": {"lr": 0.1, "seed": 1} | train}
        return {"params": "params.yaml", "folder": str(folder), "root": root, "settings": settings}

    assert names([of(root)]) == ["params.yaml"]
    assert names([of(recipe)]) == ["params.yaml (experiment lazy-dog)"]
    assert names([of(copy, lr=0.2), of(root), of(copy.with_name("tmpxyz"))]) == [
        "params.yaml (experiment dopey-cat)  train.lr=0.2",
        "params.yaml  train.lr=0.1",
        "params.yaml (experiment tmpxyz)  train.lr=0.1",
    ]


# The command


def watched(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    cli.run(["watch", *words])
    return capsys.readouterr().out


def test_where_nothing_runs_it_says_so(project: Path, monkeypatch, capsys) -> None:
    monkeypatch.delenv(STATE_VARIABLE, raising=False)
    assert watched(capsys) == watched(capsys, "--once") == "no training is running\n"
    assert watched(capsys, "--json") == "[]\n"
    with pytest.raises(UserError, match=r"recipes/no\.yaml: no such file"):
        cli.run(["watch", "--params", "recipes/no.yaml"])
    monkeypatch.chdir(project / "data")
    with pytest.raises(UserError, match=r"dvc\.yaml: not in this folder; run watch in the project's"):
        cli.run(["watch"])


def test_a_training_is_shown_while_it_runs_and_after_a_kill(place: Place, monkeypatch, capsys) -> None:
    monkeypatch.setenv(STATE_VARIABLE, str(place.folder / "state"))
    params = str(place.folder / "params.yaml")
    process = place.start("--workers=1", pause=1.0, saves=True)
    wait_for(lambda: "last" in watched(capsys, "--once"))
    shown = watched(capsys, "--params", params, "--once")
    assert re.search(rf"\(process {process.pid} on .*\)\n  now   epoch [23]/3  step \d/3", shown)
    assert re.search(
        r"\n  last  epoch [12]/3  train loss .*\n  best  val loss \d\.\d{4} in epoch [12]\n", shown
    )
    (told,) = json.loads(watched(capsys, "--json"))
    assert told["running"] is True
    assert told["progress"]["unit"] == "rows"
    process.kill()
    process.join(60)
    said = watched(capsys)
    assert re.fullmatch(r"no training is running; interrupted, and .* in epoch [123] of 3\n", said)
    assert place.train() == 0
    assert watched(capsys) == "no training is running\n"


def test_it_follows_a_training_to_its_end(place: Place, monkeypatch, capsys) -> None:
    from reprise.commands import watch

    monkeypatch.setenv(STATE_VARIABLE, str(place.folder / "state"))
    monkeypatch.setattr(watch, "EVERY_IN_A_LOG", 0.2)
    process = place.start(pause=0.3)
    wait_for(lambda: "epoch" in watched(capsys, "--once"))
    shown = watched(capsys)
    process.join(60)
    assert shown.count("  now   ") > 2
    assert shown.endswith("params.yaml: ended\n")


def test_an_experiment_in_a_copy_is_watched_from_the_main_folder(tmp_path: Path) -> None:
    project = copy_project(tmp_path)
    command = "dvc exp run --temp -n quick-fox -S train.epochs=2000 -S train.lr=0.0005 train"
    process = subprocess.Popen(
        command.split(), cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(lambda: "last" in run("reprise watch --once", project))
        shown = run("reprise watch --once", project)
        (told,) = json.loads(run("reprise watch --json", project))
        copy = Path(told["folder"])
        wait_for((copy / "metrics/history.csv").exists)
        assert shown.startswith("params.yaml (experiment quick-fox)  (process ")
        assert copy.is_relative_to(project.resolve() / ".dvc/tmp/exps")
        plots = json.loads(run("dvc plots diff quick-fox --json", project).split("\n", 1)[0])
        assert len(plots["data"]["learning curves"][0]["content"]["data"]["values"]) > 1
        assert run("git status --porcelain", project) == ""
    finally:
        os.killpg(process.pid, 9)
        process.wait()
