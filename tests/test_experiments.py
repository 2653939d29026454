"""Experiments by real dvc commands: in the workspace, in copies, queued, from a recipe, applied, shared."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path

import pytest
from project_copy import copy_project, run

QUICK = ("train.epochs=1", "+evaluate.baselines=none")


def overrides(*settings: str, file: str = "") -> str:
    """Return ``-S`` options; `file` is the params file with a colon, for other files than params.yaml."""
    return " ".join(f"-S {file}{setting}" for setting in (*settings, *QUICK))


def shown(project: Path, *options: str) -> dict[str, dict[str, str]]:
    """Return the rows of ``dvc exp show`` by the experiment's name."""
    table = run(f"dvc exp show --csv {' '.join(options)}", project)
    return {row["Experiment"] or row["rev"]: row for row in csv.DictReader(io.StringIO(table))}


def accuracy(project: Path) -> float:
    """Return the test accuracy in the workspace."""
    return float(json.loads((project / "metrics/metrics.json").read_text())["test"]["accuracy"])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy whose main pipeline is iris, briefly trained, with a bare repository and a remote."""
    folder = copy_project(tmp_path_factory.mktemp("experiments") / "project")
    params = (folder / "recipes/iris.yaml").read_text()
    (folder / "params.yaml").write_text(params.replace("epochs: 100", "epochs: 2"))
    run("dvc repro", folder)
    run(f"dvc remote add --default store {folder.parent / 'store'}", folder)
    run("git add --all", folder)
    run("git commit --quiet --message iris", folder)
    run(f"git init --quiet --initial-branch main --bare {folder.parent / 'bare'}", folder)
    run(f"git remote add origin {folder.parent / 'bare'}", folder)
    run("git push --quiet origin main", folder)
    run("dvc push --quiet", folder)
    return folder


def test_an_experiment_below_the_bar_is_kept_shown_and_applied(project: Path) -> None:
    before = accuracy(project)
    output = run(f"dvc exp run --name worse {overrides('train.lr=0.00001')}", project)
    assert "bar MISSED: accuracy" in output
    found = accuracy(project)
    assert run("python -m reprise.cli bar main", project, fails=1).startswith("main: bar missed: accuracy ")
    run("git checkout --quiet -- .", project)
    run("dvc checkout --quiet", project)
    assert accuracy(project) == before
    row = shown(project)["worse"]
    assert float(row["test.accuracy"]) == pytest.approx(found, abs=1e-4)
    assert row["train.lr"] in ("1e-05", "0.00001")
    changed = run("dvc exp diff main worse", project)
    assert "train.lr" in changed
    assert "test.log_loss" in changed
    run("dvc exp apply worse", project)
    assert accuracy(project) == found
    assert "Running stage" not in run("dvc repro", project)
    run("git checkout --quiet -- .", project)
    run("dvc checkout --quiet", project)
    run("dvc exp branch worse from-worse", project)
    assert "lr: 1e-05" in run("git show from-worse:params.yaml", project).replace("0.00001", "1e-05")
    assert run("git status --porcelain", project) == ""


def test_make_show_prints_figures_and_what_was_changed(project: Path) -> None:
    target = (project / "Makefile").read_text().split("\nshow: ")[1].split("\n\n")[0]
    command = target.split("exp show ", 1)[1].replace("\\\n", " ").replace("$$", "$").replace("$(SHOW)", "")
    options = [word.strip("'") for word in command.split()]
    header = run("dvc exp show " + " ".join(options) + " --csv", project).splitlines()[0].split(",")
    assert {"test.accuracy", "test.log_loss", "train.lr", "train.epochs"} <= set(header)
    assert len(header) <= 12
    assert not [name for name in header if "/" in name]


def test_a_copy_leaves_the_workspace_alone(project: Path) -> None:
    before = accuracy(project)
    run(f"dvc exp run --temp --name apart {overrides('train.lr=0.002')}", project)
    assert run("git status --porcelain", project) == ""
    assert accuracy(project) == before
    assert shown(project)["apart"]["train.lr"] == "0.002"


def test_a_queued_sweep_runs_side_by_side(project: Path) -> None:
    run(f"dvc exp run --queue {overrides('train.lr=0.01,0.02')}", project)
    run("dvc queue start --jobs 2", project)
    deadline = time.monotonic() + 120
    while "Queued" in (status := run("dvc queue status", project)) or "Running" in status:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    assert status.count("Success") == 2, status + run("dvc queue logs", project)
    rates = {row["train.lr"] for row in shown(project).values()}
    assert {"0.01", "0.02"} <= rates
    assert run("git status --porcelain", project) == ""


def test_experiments_travel_by_git_and_the_remote(project: Path, tmp_path: Path) -> None:
    run(f"dvc exp run --temp --name travels {overrides('train.lr=0.03')}", project)
    run("dvc exp push origin travels", project)
    clone = tmp_path / "clone"
    run(f"git clone --quiet {project.parent / 'bare'} {clone}", project)
    assert "travels" in run("dvc exp list origin", clone)
    assert run("dvc pull", clone).strip().endswith("8 files fetched and 7 files added")
    assert run("dvc status", clone).strip() == "Data and pipelines are up to date."
    run("dvc exp pull origin travels", clone)
    run("dvc exp apply travels", clone)
    assert "lr: 0.03" in (clone / "params.yaml").read_text()
    assert "Running stage" not in run("dvc repro", clone)


def test_a_recipes_experiments_are_the_recipes_own(project: Path) -> None:
    recipes = project / "recipes"
    settings = overrides("train.lr=0.02", file="line.yaml:")
    run(f"dvc exp run evaluate@line --name bolder {settings}", recipes)
    assert json.loads((recipes / "metrics/line/metrics.json").read_text())["test"]["rmse"] > 0
    run("git checkout --quiet -- .", project)
    settings = overrides("train.lr=0.03", file="line.yaml:")
    run(f"dvc exp run --temp evaluate@line --name apart-too {settings}", recipes)
    rows = shown(recipes)
    assert {"bolder", "apart-too"} <= set(rows)
    assert {rows[name]["line.yaml:train.lr"] for name in ("bolder", "apart-too")} == {"0.02", "0.03"}
    assert run("git status --porcelain", project) == ""
    assert not (recipes / ".state").exists()  # states are the checkout's
    assert run("dvc status", project).strip() == "Data and pipelines are up to date."
