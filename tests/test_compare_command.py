"""`reprise compare` on what git and DVC keep, in a copy of the project."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from project_copy import copy_project, run

COMPARE = f"{sys.executable} -m reprise.cli compare"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with iris as its pipeline: a tag, an experiment, a recipe that has run."""
    folder = copy_project(tmp_path_factory.mktemp("compare"))
    text = (folder / "recipes/iris.yaml").read_text().replace("epochs: 100", "epochs: 30")
    (folder / "params.yaml").write_text(text.replace("at_least: 0.98", "at_least: 0.1"))
    run("dvc repro", folder)
    run("dvc repro evaluate@iris", folder / "recipes")
    run("git add --all", folder)
    run("git commit --quiet --message iris", folder)
    run("git tag v1", folder)
    run("dvc exp run -S train.epochs=1 --name short", folder)
    run("git checkout --quiet -- .", folder)
    run("dvc repro", folder)
    return folder


def test_a_tag_and_an_experiment(project: Path) -> None:
    told = run(f"{COMPARE} v1 short", project)
    assert told.startswith("v1 → short: classification, the same 50 test rows\naccuracy: ")
    assert "more than chance" in told
    assert told.endswith("params that differ:\n  train.epochs: 30 → 1\n")
    there = json.loads(run(f"{COMPARE} v1 short --json", project))["metrics"]["accuracy"]
    back = json.loads(run(f"{COMPARE} short v1 --json", project))["metrics"]["accuracy"]
    assert there["p"] == back["p"] < 0.05
    assert there["difference"] == -back["difference"]
    metrics = json.loads((project / "metrics/metrics.json").read_text())["test"]
    assert there["first"] == metrics["accuracy"]
    assert run(f"{COMPARE} v1 short --markdown", project).startswith("### v1 → short\n")
    assert run("git status --porcelain", project) == ""


def test_log_loss_is_the_evaluate_stages(project: Path) -> None:
    found = json.loads(run(f"{COMPARE} v1 --json", project))["metrics"]["log_loss"]
    metrics = json.loads((project / "metrics/metrics.json").read_text())["test"]
    assert found["first"] == pytest.approx(metrics["log_loss"], rel=1e-6)
    assert found["low"] == found["high"] == 0.0


def test_a_recipes_predictions_come_from_dvcs_cache(project: Path) -> None:
    (project / "recipes/metrics/iris/predictions.csv").unlink()
    told = run(f"{COMPARE} v1 HEAD --recipe iris", project)
    assert "accuracy: 0.9800 → 0.9800: both are right on the same rows" in told
    assert "params: the same" in told
    assert "recipes/metrics/iris/predictions.csv: no such file; run the stage that writes it" in (
        run(f"{COMPARE} v1 --recipe iris", project, fails=2)
    )
    (project / "recipes/.dvc/cache").rename(project / "elsewhere")
    told = run(f"{COMPARE} v1 HEAD --recipe iris", project, fails=2)
    assert told.strip() == (
        "v1: recipes/metrics/iris/predictions.csv: neither in git nor in DVC's cache; "
        "dvc fetch gets what was pushed, and dvc repro there makes it"
    )
    (project / "elsewhere").rename(project / "recipes/.dvc/cache")
    run("dvc repro evaluate@iris", project / "recipes")


def test_other_test_rows_are_refused(project: Path) -> None:
    params = (project / "params.yaml").read_text()
    predictions = (project / "metrics/predictions.csv").read_text()
    other = params.replace("dataset: iris\n  seed: 1", "dataset: iris\n  seed: 2")
    (project / "params.yaml").write_text(other)
    for stage in ("prepare", "train", "evaluate"):
        run(f"python -m stages.{stage}", project)
    told = run(f"{COMPARE} v1", project, fails=2)
    assert "compare: of 50 test rows of v1 and 50 of workspace " in told
    assert "compare those with the same data, prepare.seed and prepare.split" in told
    (project / "metrics/predictions.csv").write_text("actual,predicted\nsetosa,setosa\n")
    assert "workspace: metrics/predictions.csv: is an older version's" in run(
        f"{COMPARE} v1", project, fails=2
    )
    run("git checkout --quiet -- .", project)
    run("dvc repro", project)
    assert (project / "metrics/predictions.csv").read_text() == predictions


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("shrt", "shrt: no commit, branch, tag or experiment; did you mean short?"),
        ("nothing-like-it", "no commit, branch, tag or experiment; dvc exp show -A lists"),
        ("v1 --recipe iriss", "--recipe: no recipe 'iriss'; did you mean iris?"),
    ],
)
def test_what_is_not_there_is_told_in_a_line(project: Path, words: str, message: str) -> None:
    told = run(f"{COMPARE} {words}", project, fails=2)
    assert message in told
    assert "Traceback" not in told
