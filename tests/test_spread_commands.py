"""`reprise seeds`, `folds` and `compare` as a user runs them, in a copy of the project."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_copy import copy_project, environment, run
from sklearn.datasets import load_iris

from reprise.foundation.files import json_text

REPRISE = f"{sys.executable} -m reprise.cli"
IRIS = "--params iris.yaml"
SLOW = f"{REPRISE} seeds 2 --params slow.yaml --jobs 2"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with quick params."""
    folder = copy_project(tmp_path_factory.mktemp("spread"))
    text = (folder / "recipes/iris.yaml").read_text()
    (folder / "iris.yaml").write_text(
        text.replace("epochs: 100", "epochs: 3").replace("batch_size: 2", "batch_size: 8")
    )
    (folder / "slow.yaml").write_text(text.replace("epochs: 100", "epochs: 2000"))
    run("git add --all", folder)
    run("git commit --quiet --message quick", folder)
    return folder


@pytest.fixture(autouse=True)
def untouched(project: Path) -> Iterator[None]:
    """Nothing that git sees, and nothing of the workspace's data and models, may change."""
    yield
    assert run("git status --porcelain", project) == ""
    assert not (project / "data/prepared").exists()
    assert not (project / "models/model.json").exists()


def out(command: str, folder: Path) -> str:
    """Return what a command prints on standard output."""
    done = subprocess.run(
        command.split(), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(project: Path) -> list[Path]:
    return sorted(path.parent for path in (project / ".state/spread").glob("*/done"))


def test_seeds_give_the_same_table_whatever_the_jobs(project: Path) -> None:
    first = out(f"{REPRISE} seeds 3 {IRIS} --jobs 1", project)
    forms = [out(f"{REPRISE} seeds 3 {IRIS} {form}", project) for form in ("--json", "--markdown")]
    assert first.splitlines()[0] == "iris: 3 seeds of iris.yaml"
    assert re.search(r"^accuracy 0\.\d{4} ± 0\.\d{4} \(mean ± standard deviation of 3 seeds\)$", first, re.M)
    assert len(states(project)) == 3
    shutil.rmtree(project / ".state")
    assert out(f"{REPRISE} seeds 3 {IRIS} --jobs 3", project) == first
    assert out(f"{REPRISE} seeds 3 {IRIS} --json", project) == forms[0]
    assert forms[0] == json_text(json.loads(forms[0]))  # sorted keys, finite numbers
    assert forms[1].startswith("### iris: 3 seeds of iris.yaml\n")
    # A fourth seed trains one run more.
    before = {path: (path / "done").stat().st_mtime_ns for path in states(project)}
    assert run(f"{REPRISE} seeds 3 {IRIS} --quiet", project) == first
    more = run(f"{REPRISE} seeds 4 {IRIS}", project)
    assert "3 of 4 seeds were trained before" in more
    assert first.splitlines()[2] in more
    assert {path: (path / "done").stat().st_mtime_ns for path in states(project)}.items() >= before.items()


def test_the_first_seed_is_the_pipelines_own_training(project: Path, tmp_path: Path) -> None:
    for stage in ("prepare", "train", "evaluate"):
        places = f"--params iris.yaml --prepared {tmp_path}/prepared"
        model = "" if stage == "prepare" else f" --model {tmp_path}/models --metrics {tmp_path}/metrics"
        # The bar is missed by so short a training, which no run of a spread minds.
        done = subprocess.run(
            f"{sys.executable} -m stages.{stage} {places}{model}".split(),
            cwd=project, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or "evaluate.bar" in done.stderr
    expected = json.loads((tmp_path / "metrics/metrics.json").read_text())["test"]["accuracy"]
    told = out(f"{REPRISE} seeds 2 {IRIS} --json", project)
    assert json.loads(told)["runs"]["1"]["accuracy"] == expected


def test_folds_test_every_row_once(project: Path) -> None:
    shutil.rmtree(project / ".state", ignore_errors=True)
    told = out(f"{REPRISE} folds 4 {IRIS}", project)
    assert "all tested rows together: accuracy 0." in told
    rows = []
    for folder in states(project):
        with (folder / "metrics/predictions.csv").open(newline="") as stream:
            rows += list(csv.DictReader(stream))
        assert not (folder / "prepared").exists()
        assert not (folder / "model").exists()
    iris = load_iris()
    assert sorted(int(row["row"]) for row in rows) == list(range(150))
    assert all(row["actual"] == iris.target_names[iris.target[int(row["row"])]] for row in rows)
    report = json.loads(out(f"{REPRISE} folds 4 {IRIS} --json", project))
    right = sum(row["actual"] == row["predicted"] for row in rows)
    assert report["pooled"]["accuracy"]["value"] == right / 150
    assert list(report["runs"]) == ["1", "2", "3", "4"]


def started(project: Path) -> subprocess.Popen[str]:
    """Start a spread and return it once both of its runs train."""
    process = subprocess.Popen(
        SLOW.split(), cwd=project, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    before = epochs_told(project)
    while len(epochs_told(project)) < 2 or set(before) & set(epochs_told(project)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def epochs_told(project: Path) -> list[tuple[str, int]]:
    """Return how many epochs each run's log tells of, for those that tell of any."""
    logs = {path.parent.name: path.read_text() for path in (project / ".state/spread").glob("*/log")}
    return [(name, text.count("epoch")) for name, text in logs.items() if "epoch" in text]


def checkpoints(project: Path) -> int:
    return len(list((project / ".state/train").glob("*/checkpoint")))


def workers(project: Path) -> list[int]:
    """Return the processes that are at work on runs of this project."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"reprise.spread.work" in words and any(str(project).encode() in word for word in words):
            found.append(int(place.name))
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_spread_that_was_stopped_or_killed_goes_on_where_it_was(project: Path) -> None:
    shutil.rmtree(project / ".state", ignore_errors=True)
    process = started(project)
    assert len(workers(project)) == 2
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.strip() == "seeds: stopped; what is done is kept, and the same command goes on"
    assert not workers(project)
    assert checkpoints(project) == 2

    process = started(project)
    os.kill(workers(project)[0], signal.SIGTERM)  # the others are stopped with it
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert re.fullmatch("seed [12]: ended by signal 15, its state is kept; out of memory.*", errors.strip())

    process = started(project)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while workers(project):  # they learn of it from the kernel
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert checkpoints(project) == 2

    resumed = out(SLOW, project)
    for folder in states(project):
        assert len(re.findall("epoch +1/", (folder / "log").read_text())) == 1
    assert checkpoints(project) == 0
    shutil.rmtree(project / ".state")
    assert out(SLOW, project) == resumed


def test_one_command_at_a_time(project: Path) -> None:
    place = project / ".state/spread/lock"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("w") as lock:
        lock.write("123")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = run(f"{REPRISE} folds 2 {IRIS}", project, fails=3)
    assert told.strip() == (
        "folds: process 123 is at work on seeds or folds here; wait for it, or end it (its state is kept)"
    )


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "folds 3 --params recipes/line.yaml",
            "prepare.split.method: none tests on the training rows",
        ),
        ("folds 1", "FOLDS: must be a whole number ≥ 2; found '1'"),
        ("seeds two", "SEEDS: must be a whole number ≥ 2; found 'two'"),
        ("seeds 3 --jobs 0", "--jobs: must be a whole number ≥ 1; found '0'"),
        ("seeds 3 --params nosuch.yaml", "nosuch.yaml: no such file"),
        ("folds 5 --params recipes/mnist.yaml", "folds: prepare.dataset: mnist has a test split of its own"),
        ("folds 200 --params iris.yaml", ": 150 rows cannot fill 200 folds; ask for fewer"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(project: Path, command: str, message: str) -> None:
    told = run(f"{REPRISE} {command}", project, fails=2)
    assert message in told
    assert "Traceback" not in told
