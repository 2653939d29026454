"""`reprise tune` as a user runs it, in a copy of the project: real git, real dvc, real trainings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from postgres import server
from project_copy import copy_project, environment, run
from ruamel.yaml import YAML

from reprise.training.live import live_files

TUNE = f"{sys.executable} -m reprise.cli tune"
SPACE = """# what is searched
prune: null
space:
  train.lr: {kind: float, low: 0.001, high: 0.1, log: true}
  model.mlp.hidden: {kind: choice, values: [[4], [8, 8]]}
"""
KINDS = "space:\n  model.kind: {kind: choice, values: [linear, mlp]}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a quick pipeline, and a branch to try things on."""
    folder = copy_project(tmp_path_factory.mktemp("tune"))
    text = (folder / "recipes/iris.yaml").read_text(encoding="utf-8")
    text = (
        text.replace("val: 0.0", "val: 0.2")
        .replace("epochs: 100", "epochs: 4")
        .replace("_size: 2\n", "_size: 8\n")
    )
    text = text.replace("evaluate:\n", "evaluate:\n  baselines: none  # quick\n")
    text = text.replace("at_least: 0.98", "at_least: 0.0")
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    (folder / "slow.yaml").write_text(text.replace("epochs: 4", "epochs: 1500"), encoding="utf-8")
    (folder / "tune.yaml").write_text(SPACE, encoding="utf-8")
    (folder / "kinds.yaml").write_text(KINDS, encoding="utf-8")
    run("git add --all", folder)
    run("git commit --quiet --message quick", folder)
    return folder


def experiments(project: Path) -> list[str]:
    refs = run("git for-each-ref --format=%(refname:lstrip=4) refs/exps", project)
    return sorted(refs.split())


def found(project: Path, command: str = f"{TUNE} --trials 2") -> Any:
    """Return what a search found; one that is done is not done again."""
    return json.loads(run(f"{command} --json --quiet", project))


def test_trials_are_experiments_that_can_be_applied(project: Path) -> None:
    told = run(f"{TUNE} --trials 2 --jobs 1", project)
    assert "iris: 2 trials of params.yaml: 2 trained; by the validation loss" in told
    assert run("git status --porcelain", project) == ""
    assert not (project / "models/model.json").exists()
    first = found(project)
    best = next(trial for trial in first["trials"] if trial["number"] == first["best"])
    assert experiments(project) == sorted(trial["experiment"] for trial in first["trials"])
    assert best["value"] == min(trial["value"] for trial in first["trials"]) == best["figures"]["loss"]
    page = (project / "tune.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1  # nothing is said of what matters after two trials
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")

    # With more at a time, from the same seed, the trials that chance alone draws are the same.
    shutil.rmtree(project / ".state")
    assert found(project, f"{TUNE} --trials 2 --jobs 2") == first

    # What is applied is whole: nothing is left to run, and running it all again gives the same bytes.
    applied = run(f"dvc exp apply {best['experiment']}", project, fails=0)
    assert "rror" not in applied.replace("error.dvc.org", "")
    run("dvc status --quiet dvc.yaml", project)
    params = YAML(typ="safe", pure=True).load((project / "params.yaml").read_text(encoding="utf-8"))
    assert params["train"]["lr"] == best["drawn"]["train.lr"]
    assert "# quick" in (project / "params.yaml").read_text(encoding="utf-8")
    lock = (project / "dvc.lock").read_bytes()
    run("dvc repro --force --single-item train", project)
    assert (project / "dvc.lock").read_bytes() == lock
    evaluated = run("dvc repro --force --single-item evaluate", project)
    assert "accuracy" in evaluated
    assert (project / "dvc.lock").read_bytes() == lock
    run("git reset --hard --quiet", project)


def test_apply_writes_the_best_and_keeps_comments(project: Path) -> None:
    run("git add --all", project)
    told = run(f"{TUNE} --trials 3 --jobs 1 --space kinds.yaml --apply", project)
    assert "1 repeated" in told  # two kinds, three trials
    text = (project / "params.yaml").read_text(encoding="utf-8")
    assert "# quick" in text
    difference = run("git diff --unified=0 params.yaml", project)
    assert [line for line in difference.splitlines() if line.startswith("+  ")] in ([], ["+  kind: linear"])
    # What was applied is no change of what is searched.
    assert ": 3 of 3 trials are done" in run(f"{TUNE} --trials 3 --space kinds.yaml", project)
    run("git checkout --quiet params.yaml", project)


def started(project: Path, command: str) -> subprocess.Popen[str]:
    """Start a search and return it once both of its workers train."""
    process = subprocess.Popen(
        command.split(), cwd=project, env=environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(epochs := running(project)) < 2 or min(epochs) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def running(project: Path) -> list[int]:
    """Return the epochs of the trainings that run."""
    return [one["progress"]["epoch"] for one in live_files(project / ".state") if one["running"]]


def checkpoints(project: Path) -> list[Path]:
    return list((project / ".state/train").glob("*/checkpoint"))


def test_a_search_that_was_stopped_or_killed_goes_on_where_it_was(project: Path) -> None:
    shutil.rmtree(project / ".state", ignore_errors=True)
    slow = f"{TUNE} --params slow.yaml --trials 2 --jobs 2"
    process = started(project, slow)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.splitlines()[-1] == "tune: stopped; what is done is kept, and the same command goes on"
    names = {path.parent.name for path in checkpoints(project)}
    assert len(names) == 2

    process = started(project, slow)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert {path.parent.name for path in checkpoints(project)} == names
    run(f"{slow} --timeout 1", project, fails=2)  # too little time for any of them

    told = run(slow, project)
    assert "iris: 2 trials of slow.yaml: 2 trained" in told
    assert not checkpoints(project)
    assert [(trial["number"], trial["ended"]) for trial in found(project, slow)["trials"]] == [
        (0, "trained"),
        (1, "trained"),
    ]


@pytest.mark.proof
def test_two_commands_share_a_study_in_postgresql(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run(f"git clone --quiet {project} {other}", project)
    with server() as url:
        at_work = [
            subprocess.Popen([*TUNE.split(), "--trials", "4", "--jobs", "1", "--storage", url], cwd=folder,
                             env=environment(PYTHONPATH=str(folder)), stderr=subprocess.PIPE, text=True)
            for folder in (project, other)
        ]  # fmt: skip
        ends = [process.communicate(timeout=120)[1] for process in at_work]
        assert [process.returncode for process in at_work] == [0, 0], ends
        told = run(f"{TUNE} --trials 4 --jobs 1 --storage {url}", project)
        assert re.search("iris: [45] trials of params.yaml: [45] trained", told)
        assert all(re.search("^trial [0-9]: loss", end, re.M) for end in ends)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--trials 0", 2, "--trials: must be a whole number ≥ 1; found '0'"),
        ("--jobs two", 2, "--jobs: must be a whole number ≥ 1; found 'two'"),
        ("--space none.yaml", 2, "none.yaml: no such file"),
        ("--params none.yaml", 2, "none.yaml: no such file"),
        ("--storage postgresql://me:hush@127.0.0.1:1/db", 2, "--storage: connection"),
        ("--params recipes/line.yaml", 2, "recipes/line.yaml: prepare.split"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(project: Path, options: str, code: int, message: str) -> None:
    told = run(f"{TUNE} {options}", project, fails=code)
    assert message in told
    assert "Traceback" not in told
    assert "hush" not in told


def test_code_that_git_does_not_know_is_refused(project: Path) -> None:
    (project / "own/extra.py").write_text("X = 1\n", encoding="utf-8")
    told = run(f"{TUNE} --trials 9", project, fails=2)
    assert "own/extra.py: git does not know it" in told
    (project / "own/extra.py").unlink()
