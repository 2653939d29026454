"""The main pipeline through real dvc commands, in a copy of the project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from project_copy import copy_project, run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project in which the main pipeline was reproduced once."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    output = run("dvc repro", folder)
    assert "Running stage 'train'" in output
    assert "Stage 'evaluate' didn't change" in output
    return folder


def test_repro_gives_the_committed_lock_and_metrics(project: Path) -> None:
    assert run("git status --porcelain", project) == ""


def test_the_default_passes_its_bar(project: Path) -> None:
    metrics = json.loads((project / "metrics/metrics.json").read_text())
    assert metrics["test"]["accuracy"] >= 0.985


def test_a_second_repro_does_nothing(project: Path) -> None:
    output = run("dvc repro", project)
    assert "Running stage" not in output
    status = run("dvc status dvc.yaml:prepare dvc.yaml:train dvc.yaml:evaluate", project)
    assert status.strip() == "Data and pipelines are up to date."


def test_an_experiment_changes_what_depends_on_it_and_can_be_compared(project: Path) -> None:
    output = run(
        "dvc exp run -S train.lr=0.001 -S train.epochs=6 -S evaluate.bar=null --name slower", project
    )
    assert "Stage 'prepare' didn't change" in output
    assert "Running stage 'train'" in output
    diff = json.loads(run("dvc metrics diff --json", project))
    changed = diff["metrics/metrics.json"]
    assert changed["test.log_loss"]["diff"] != 0
    shown = run("dvc exp show --only-changed --csv", project)
    assert "slower" in shown
    run("dvc plots show", project)
    page = (project / "dvc_plots/index.html").read_text()
    assert "train_loss" in page
    assert "val_accuracy" in page
    assert "predicted" in page
    run("git checkout --quiet -- .", project)
    assert "Running stage" not in run("dvc repro", project)  # everything comes back from the cache
    assert run("git status --porcelain", project) == ""


def test_the_report_of_the_default_names_the_commit_and_the_figures(project: Path) -> None:
    output = run("python -m reprise.cli report", project)
    page = (project / "report.html").read_text(encoding="utf-8")
    assert (
        output
        == f"report.html: {len(page.encode()) / 1024:,.0f} KB, everything inside; open it in a browser\n"
    )
    assert "99.7 % of 359 held-out rows right (98.4 to 99.95)" in page
    assert run("git rev-parse HEAD", project).strip() in page
    assert "another file here" not in page  # the lock and the files agree
    assert page.count("<svg") == 5
    assert run("git status --porcelain", project) == ""


def test_values_that_yaml_or_dvc_would_let_pass_are_refused_by_name(project: Path) -> None:
    before = (project / "models/model.json").read_bytes()
    output = run("dvc exp run -S train.lr=abc -S train.epochs=true", project, fails=255)
    assert "params.yaml: train.lr: must be a number > 0 and ≤ 100; found 'abc'" in output
    assert "params.yaml: train.epochs: must be a whole number ≥ 1; found true" in output
    assert "Traceback" not in output
    run("git checkout --quiet -- params.yaml", project)
    assert "Running stage" not in run("dvc repro", project)
    assert (project / "models/model.json").read_bytes() == before


def test_small_numbers_as_dvc_writes_them_are_numbers(project: Path) -> None:
    run("dvc exp run -S train.lr=0.00001 -S train.epochs=1 -S evaluate.bar=null", project)
    assert re.search(r"lr: (1e-05|0\.00001)", (project / "params.yaml").read_text())
    assert json.loads((project / "models/model.json").read_text())["train"]["lr"] == 1e-05
    run("git checkout --quiet -- .", project)
    assert "Running stage" not in run("dvc repro", project)


def test_stages_run_without_dvc_and_without_git(project: Path, tmp_path: Path) -> None:
    for name in ("reprise", "stages"):
        (tmp_path / name).symlink_to(project / name)
    params = (project / "params.yaml").read_text().replace("epochs: 20", "epochs: 1")
    (tmp_path / "params.yaml").write_text(params.replace("at_least: 0.985", "at_least: 0.0"))
    for stage in ("prepare", "train", "evaluate"):
        run(f"python -m stages.{stage}", tmp_path)
    assert json.loads((tmp_path / "metrics/metrics.json").read_text())["rows"] == 359
    assert not (tmp_path / ".dvc").exists()
