"""`reprise verify --dry`: locks that are not those of code, params or results, found without any data."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from project_copy import copy_project, environment, run
from ruamel.yaml import YAML

from reprise.foundation.errors import RepriseError
from reprise.verification.consistency import locks, problems

DRY = f"{sys.executable} -m reprise.cli verify --dry"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project as a fresh clone is: no prepared data, no models, no cache."""
    return copy_project(tmp_path_factory.mktemp("clone"))


@pytest.fixture
def project(clone: Path) -> Iterator[Path]:
    yield clone
    run("git checkout --quiet -- .", clone)


def test_a_fresh_clone_is_consistent_in_seconds_and_nothing_runs(project: Path) -> None:
    assert run(DRY, project) == "".join(
        f"{lock}: consistent with code, parameters and results\n" for lock in ("dvc.lock", "recipes/dvc.lock")
    )
    assert not (project / "data/prepared").exists()
    assert run("git status --porcelain", project) == ""


def test_what_changed_is_named(project: Path) -> None:
    params, metrics = project / "params.yaml", project / "metrics/metrics.json"
    params.write_text(params.read_text().replace("lr: 0.003", "lr: 0.004"))
    metrics.write_text(metrics.read_text().replace('"rows": 359', '"rows": 358'))
    code = project / "reprise/evaluation/files.py"
    code.write_text(code.read_text() + "# other code\n")
    lines = [
        "dvc.lock: train would run again: train of params.yaml modified",
        "dvc.lock: evaluate would run again: reprise/evaluation modified, metrics/metrics.json modified",
    ]
    lock = project / "dvc.lock"
    assert problems(lock) == [line.replace("dvc.lock", str(lock)) for line in lines]
    done = subprocess.run(
        [*DRY.split(), "--json"], cwd=project, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    recipes = json.loads(done.stdout)["recipes/dvc.lock"]  # their evaluate uses the same code
    assert recipes != []
    assert all("evaluate@" in line and line.endswith("reprise/evaluation modified") for line in recipes)
    assert done.stderr.splitlines()[:2] == lines
    assert done.stderr.splitlines()[-1].startswith("verify: run what changed (make repro, make recipes)")


def test_an_output_that_is_not_the_next_stages_input_is_found(project: Path) -> None:
    lock = project / "dvc.lock"
    text = lock.read_text()
    place = text.index("- path: models/model.json")
    digest = re.compile(r"md5: (\w{32})").search(text, place)
    assert digest
    lock.write_text(text[: digest.start(1)] + "abcd" * 8 + text[digest.end(1) :])
    (line,) = problems(lock)
    assert (
        line
        == "dvc.lock: evaluate would run again: its inputs are not what the stages before it gave".replace(
            "dvc.lock", str(lock)
        )
    )


def test_a_lock_that_is_missing_or_broken_is_one_line(project: Path) -> None:
    lock = project / "dvc.lock"
    lock.write_text("stages: 3\n")
    with pytest.raises(
        RepriseError, match=r"dvc\.lock: can't be checked: dvc status says: .*validation failed"
    ):
        problems(lock)
    lock.unlink()
    assert problems(lock) == [f"{lock}: no such file, so all stages would run"]


def test_names_of_pipelines_are_refused(project: Path) -> None:
    assert run(f"{DRY} main", project, fails=2) == (
        "verify: --dry looks at whole lock files; leave receipts and the names of pipelines out\n"
    )


def test_every_pipelines_lock_is_looked_at(clone: Path) -> None:
    found = locks(clone)
    assert [lock.is_file() for lock in found] == [True] * 2
    stages = [len(YAML(typ="safe", pure=True).load(lock.read_text())["stages"]) for lock in found]
    assert stages[0] == 3
    assert stages[1] % 3 == 0
