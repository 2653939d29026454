"""`reprise summary`: results and what changed beside another commit, whatever is missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from project_copy import copy_project, run

from reprise.summary.changes import Change, as_markdown, one_sided

SUMMARY = f"{sys.executable} -m reprise.cli summary"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project: its results are in git, its data and models are not there."""
    return copy_project(tmp_path_factory.mktemp("summary"))


def test_a_table_of_changes() -> None:
    changes = [
        Change("main", "test.accuracy", 0.5, 0.75),
        Change("main", "rows", 1000, 1200),
        Change("main", "own", "a|b", 1),
        Change("iris", "test.f1", None, 0.5),
        Change("iris", "rows", 5, 6),
        Change("new", "rows", None, 6),
        Change("gone", "rows", 6, None),
    ]
    assert one_sided(changes) == {"new": "old", "gone": "new"}
    assert as_markdown(changes, "main") == [
        "| pipeline | metric | main | now | change |",
        "|---|---|---:|---:|---:|",
        "| main | `test.accuracy` | 0.5 | 0.75 | +0.25 |",
        "| main | `rows` | 1,000 | 1,200 | +200 |",
        "| main | `own` | a\\|b | 1 |  |",
        "| iris | `test.f1` | none | 0.5 |  |",
        "| iris | `rows` | 5 | 6 | +1 |",
        "",
        "No metrics in main: new",
        "",
        "No metrics in this folder: gone",
    ]
    assert as_markdown(changes[-1:], "main") == ["No metrics in this folder: gone"]
    assert as_markdown([], "main") == ["No metric differs."]


def test_nothing_changed(project: Path) -> None:
    told = run(f"{SUMMARY} {run('git rev-parse HEAD', project)}", project)
    assert "| main | 359 | accuracy | 0.9972 | 0.9844 to 0.9995 |" in told
    assert "| line | 10 | rmse | " in told
    assert re.search(r"^## Beside [0-9a-f]{9}\n\nNo metric differs\.$", told, re.MULTILINE)
    assert "\n\nThe same predictions for all 359 test rows, to the last digit.\n" in told
    assert told.count("###") == 1
    assert run("git status --porcelain", project) == ""


def test_what_changed_is_compared(project: Path) -> None:
    metrics, predictions = project / "metrics/metrics.json", project / "metrics/predictions.csv"
    params, iris = project / "params.yaml", project / "recipes/metrics/iris/metrics.json"
    metrics.write_text(metrics.read_text().replace('"log_loss": 0.0116', '"log_loss": 0.0216'))
    predictions.write_text(re.sub(r",0\.9\d+$", ",0.8", predictions.read_text(), count=1, flags=re.MULTILINE))
    params.write_text(params.read_text().replace("lr: 0.003", "lr: 0.004"))
    iris.write_text(iris.read_text().replace('"rows": 50', '"rows": 51'))
    (project / "recipes/metrics/line/details.json").unlink()
    told = run(f"{SUMMARY} HEAD", project)
    run("git checkout --quiet -- .", project)
    assert "\n\nNot evaluated in this folder: line\n" in told
    assert (
        "| main | `test.log_loss` | 0.01166 | 0.02166 | +0.01 |\n| iris | `rows` | 50 | 51 | +1 |\n" in told
    )
    assert "\n### main: HEAD → workspace\n\nclassification, the same 359 test rows\n" in told
    assert "| `train.lr` | 0.003 | 0.004 |" in told
    assert told.endswith(
        "### iris: HEAD → workspace\n\nPredictions can't be compared: HEAD: "
        "recipes/metrics/iris/predictions.csv: neither in git nor in DVC's cache; dvc fetch gets what was "
        "pushed, and dvc repro there makes it\n"
    )


def test_a_base_that_is_not_there_is_a_line(project: Path, tmp_path: Path) -> None:
    assert run(SUMMARY, project).endswith("\n\nNo base was given, so nothing is compared.\n")
    assert run(f"{SUMMARY} mian", project).endswith(
        "\n\nNothing is compared: mian: no commit, branch, tag or experiment; did you mean main?\n"
    )
    run("git commit --quiet --allow-empty --message second", project)
    run(f"git clone --quiet --depth 1 {project.as_uri()} {tmp_path / 'shallow'}", project)
    base = run("git rev-parse HEAD^", project).strip()
    assert run(f"{SUMMARY} {base}", tmp_path / "shallow").endswith(
        f"\n\nNothing is compared: {base}: not in this clone, which is shallow; git fetch --unshallow gets "
        "what it lacks\n"
    )
