"""A project of one's own: started by `reprise new`, run by real commands, and brought to a newer Reprise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from project_copy import environment, run
from ruamel.yaml import YAML

from reprise import cli
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.project.listing import HELD, RENAMED, WORKFLOW, files_below
from reprise.project.makefile import of_workflow, without_missing
from reprise.project.manifest import new_manifest
from reprise.project.merging import fate
from reprise.project.template import copied_files
from reprise.project.update import Plan, apply

ROOT = Path(__file__).parents[1]
SMALL = """\
prepare: {dataset: iris}
model: {kind: own}
train: {epochs: 2}
evaluate: {baselines: none}
"""
MODEL = "from torch import nn\n\n\ndef build(schema):\n    return nn.Linear(*schema.shape, 3)\n"
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # or each stage would compile the copy's code
WIDER = MODEL.replace(
    "nn.Linear(*schema.shape, 3)", "nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))"
)


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a clone of a newer Reprise looks like: code, pipeline, docs, canary and Makefile differ."""
    folder = tmp_path_factory.mktemp("clones") / "reprise"
    for path in (*files_below(ROOT, HELD), *RENAMED, WORKFLOW):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, folder / path)
    changes = {
        "reprise/__init__.py": ("0.1.0", "0.2.0"),
        "dvc.yaml": ("title: calibration", "title: calibrated"),
        "canary.json": ("{", '{\n  "0": "1",'),
        "docs/models.md": ("#", "# Of"),
    }
    for name, (old, new) in changes.items():
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    (folder / "docs/arithmetic.md").unlink()
    (folder / "docs/fresh.md").write_text("fresh\n")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project that was started, run with a network of its own, and committed."""
    folder = tmp_path_factory.mktemp("mine") / "leaves"
    run(f"python -m reprise.cli new {folder}", ROOT)
    (folder / "params.yaml").write_text(SMALL)
    (folder / "own/model.py").write_text(MODEL)
    run("dvc repro --quiet", folder, **COMPILED)
    run("git add --all", folder)
    run("git commit --quiet --message run", folder)
    return folder


def update(words: str, clone: Path, fails: int = 0) -> str:
    """Run ``reprise update`` of a clone."""
    done = subprocess.run(
        ["python", "-m", "reprise.cli", "update", *words.split()],
        cwd=clone, env=environment(**COMPILED), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == fails, done.stderr
    return done.stdout + done.stderr


def test_a_project_has_its_own_history_and_none_of_this_ones(project: Path) -> None:
    assert run("git log --format=%s", project).splitlines() == ["run", "leaves: a project on Reprise 0.1.0"]
    names = {path.name for path in project.iterdir()}
    assert not names & {"recipes", "tests", "benchmarks", "CHANGELOG.md"}
    first = run("git ls-tree -r --name-only HEAD~1", project).split()
    assert not [path for path in first if path.endswith((".lock", ".csv")) and path != "requirements.lock"]
    assert "metrics/metrics.json" not in first
    readme = (project / "README.md").read_text()
    assert readme.startswith("# leaves\n")
    for words in readme.split("](")[1:]:
        assert (project / words.split(")")[0]).is_file()
    assert run("git status --porcelain", project) == ""


def test_every_target_of_its_makefile_has_what_it_needs(project: Path) -> None:
    shown = run("make help", project)
    assert "make repro" in shown
    assert "make verify" in shown
    assert "make test" not in shown
    for target in [line.split()[1] for line in shown.splitlines()]:
        commands = run(f"make --dry-run {target}", project)
        for word in commands.split():
            if word.startswith(("tools/", "tests/", "benchmarks/", "recipes/")):
                assert (project / word).exists(), f"{target}: {word}"
    workflow = project / WORKFLOW
    if workflow.is_file():
        targets = re.findall(r"- run: make ([a-z-]+)", workflow.read_text())
        assert {"env", "verify"} <= set(targets)
        assert all(f"make {target} " in shown for target in targets)


def test_only_own_code_changes_the_model_and_reprise_is_never_edited(project: Path) -> None:
    before = (project / "models/model.safetensors").read_bytes()
    (project / "own/model.py").write_text(WIDER)
    run("dvc repro --quiet dvc.yaml:train", project, **COMPILED)
    assert (project / "models/model.safetensors").read_bytes() != before
    assert run("git diff --name-only", project).split() == ["dvc.lock", "own/model.py"]
    run("git checkout --quiet -- .", project)
    run("dvc checkout --quiet", project)
    assert (project / "models/model.safetensors").read_bytes() == before


def test_an_update_leaves_what_is_the_users_and_says_what_runs_again(
    project: Path, newer: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(project, mine, symlinks=True)
    pipeline = mine / "dvc.yaml"
    pipeline.write_text(pipeline.read_text().replace("desc: train the model", "desc: learn"))
    (mine / "docs/results.md").write_text("ours\n")
    (mine / "docs/performance.md").unlink()
    assert "in no commit: docs/performance.md, docs/results.md, dvc.yaml" in update(str(mine), newer, 2)
    run("git commit --quiet --all --message ours", mine)
    held = ("params.yaml", "own/model.py", "README.md", "metrics/metrics.json", "dvc.lock", "docs/results.md")
    before = {name: (mine / name).read_bytes() for name in held}
    told = update(str(mine), newer)
    assert {name: (mine / name).read_bytes() for name in held} == before
    for line in (
        "Reprise 0.1.0 → 0.2.0",
        "  added: docs/fresh.md",
        "  replaced: canary.json, docs/models.md, reprise/__init__.py",
        "  removed: docs/arithmetic.md",
        "  merged: dvc.yaml",
        "  kept: docs/performance.md, docs/results.md",
        "next: dvc repro   # runs again: prepare, train, evaluate; dvc.lock changes",
    ):
        assert line in told, told
    merged = pipeline.read_text()
    assert "desc: learn" in merged
    assert "title: calibrated" in merged
    assert not (mine / "docs/performance.md").exists()
    run("git add --all", mine)
    run("git commit --quiet --message update", mine)
    (mine / "docs/fresh.md").write_text("ours\n")
    run("git commit --quiet --all --message ours", mine)
    assert update(str(mine), newer) == f"{mine}: stands on this Reprise, 0.2.0, already\n"
    # A merged file can be merged again, though git has never seen the text that it came from.
    again = tmp_path / "reprise"
    shutil.copytree(newer, again)
    text = (again / "dvc.yaml").read_text().replace("desc: check, split", "desc: look, split")
    (again / "dvc.yaml").write_text(text)
    assert "  merged: dvc.yaml" in update(str(mine), again)
    assert "desc: learn" in pipeline.read_text()
    assert "desc: look, split" in pipeline.read_text()


def test_both_sides_changed_the_same_line(project: Path, newer: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(project, mine, symlinks=True)
    text = (mine / "docs/models.md").read_text()
    (mine / "docs/models.md").write_text(text.replace("#", "# Ours", 1))
    run("git commit --quiet --all --message ours", mine)
    told = update(str(mine), newer, 2)
    assert told == (
        f"{mine}/docs/models.md: changed here and in Reprise 0.2.0, in the same lines; "
        "--keep docs/models.md leaves yours, --replace docs/models.md takes the newer one\n"
    )
    assert run("git status --porcelain", mine) == ""
    assert "--keep: docs/x.md: is none of Reprise's files" in update(f"{mine} --keep docs/x.md", newer, 2)
    update(f"{mine} --keep docs/models.md", newer)
    assert (mine / "docs/models.md").read_text().startswith("# Ours")
    run("git reset --quiet --hard", mine)
    run("git clean --quiet -fd", mine)
    update(f"{mine} --replace docs/models.md", newer)
    assert (mine / "docs/models.md").read_text().startswith("# Of")


def test_what_is_no_project_is_not_updated(project: Path, newer: Path, tmp_path: Path) -> None:
    assert "reprise.json: no such file; reprise update is for projects" in update(str(tmp_path), newer, 2)
    told = run("python -m reprise.cli update", project, fails=2)
    assert "this is the project's own Reprise, 0.1.0; start the newer one's" in told
    told = run(f"python -m reprise.cli new {tmp_path}/x", project, fails=2)
    assert "is a project itself; projects are made and updated by Reprise's own clone" in told


def test_an_occupied_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file: is a file; give a folder that is new or empty"):
        cli.run(["new", str(tmp_path / "file")])
    with pytest.raises(UserError, match="holds files; give a folder that is new or empty"):
        cli.run(["new", str(tmp_path)])
    with pytest.raises(UserError, match="is inside the git repository"):
        cli.run(["new", str(ROOT / "build/inside/x")])
    with pytest.raises(UserError, match="--name: must be a name in one line"):
        cli.run(["new", str(tmp_path / "x"), "--name", "a\nb"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert not (ROOT / "build/inside").exists()


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "README.md")

    monkeypatch.setattr("reprise.project.new.write_bytes", full)
    with pytest.raises(EnvironmentProblem, match=r"x: can't be written \(No space left on device\); nothing"):
        cli.run(["new", str(tmp_path / "x")])
    monkeypatch.setattr("reprise.project.update.write_bytes", full)
    plan = Plan(manifest := new_manifest("copy", {"README.md": b""}), manifest, {}, [])
    with pytest.raises(EnvironmentProblem, match=r"README.md: can't be written .*; git stash"):
        apply(tmp_path, plan)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_start_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("reprise.project.new._first_commit", fail)
    (tmp_path / "empty").mkdir()
    for name in ("new", "empty"):
        with pytest.raises(KeyboardInterrupt):
            cli.run(["new", str(tmp_path / name)])
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_the_files_of_a_minimal_project_are_few_and_wait_for_who_has_no_name(tmp_path: Path) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "EMAIL": ""}
    nobody |= {"GIT_AUTHOR_NAME": "", "GIT_COMMITTER_NAME": ""}
    told = run(f"python -m reprise.cli new --minimal {tmp_path}/x", ROOT, **nobody)
    assert "note: git made no commit" in told
    tracked = run("git ls-files", tmp_path / "x").split()  # they are added
    visible = {path for path in tracked if not path.startswith(".") and ".gitignore" not in path}
    assert visible == {
        "README.md", "data/raw/README.md", "dvc.yaml", "own/README.md", "params.yaml", "reprise.json",
    }  # fmt: skip
    stages = YAML(typ="safe", pure=True).load((tmp_path / "x/dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        assert not [dep for dep in stage["deps"] if dep.startswith(("reprise/", "stages/"))]
        assert {"reprise.json": [f"code.{name}"]} in stage["params"]
    known = json.loads((tmp_path / "x/reprise.json").read_text())
    assert known["code"].keys() == stages.keys()


A, B, C, D = b"1\n2\n3\n", b"1\n2\n3\n4\n", b"0\n1\n2\n3\n", b"1\n2\n3\n5\n"


@pytest.mark.parametrize(
    ("ours", "base", "theirs", "kind", "content"),
    [
        (A, A, A, "same", None),
        (A, A, B, "replaced", B),
        (B, A, A, "kept", None),
        (B, A, B, "same", None),
        (C, A, B, "merged", b"0\n1\n2\n3\n4\n"),
        (D, A, B, "conflict", None),
        (A, A, None, "removed", None),
        (B, A, None, "kept", None),
        (None, A, B, "kept", None),
        (None, None, A, "added", A),
        (B, None, A, "conflict", None),
    ],
)
def test_what_becomes_of_a_file(
    ours: bytes | None, base: bytes | None, theirs: bytes | None, kind: str, content: bytes | None
) -> None:
    name = None
    if base is not None:  # git itself is the oracle of its names
        done = subprocess.run(["git", "hash-object", "--stdin"], input=base, capture_output=True, check=True)
        name = done.stdout.decode().strip()
    assert fate(ours, name, theirs, base) == (kind, content)


def test_targets_go_with_what_they_need() -> None:
    one, two = "a: ## 1\n\tx\n\nb: a ## 2\n\tpytest tests\n", "c: b ## 3\n\tx\n\nd: ## 4\n\ttools/y.py\n"
    text = f".PHONY: a b c d\n\n{one}\n{two}"
    assert without_missing(text, set()) == ".PHONY: a\n\na: ## 1\n\tx\n"
    assert without_missing(text, {"tools/y.py"}).splitlines()[0] == ".PHONY: a d"


def test_a_workflow_keeps_the_steps_that_are_there() -> None:
    steps = [f"      - run: make {name}\n" for name in ("env", "lint", "verify >> $X", "test")]
    text = "steps:\n" + "".join(steps)
    assert of_workflow(text, "env: ## 1\n\nverify: env ## 2\n") == f"steps:\n{steps[0]}{steps[2]}"
    assert of_workflow("steps:\n  - run: bash .ci/run\n", "env: ## 1\n") is None


def test_a_project_holds_all_code_of_the_stages() -> None:
    copied = copied_files("copy")
    tracked = run("git ls-files reprise stages", ROOT).split()
    assert set(tracked) <= copied.keys()


@pytest.mark.proof
def test_a_new_project_gives_the_models_bytes_of_this_one(tmp_path: Path) -> None:
    run(f"python -m reprise.cli new {tmp_path}/x", ROOT)
    run("dvc repro --quiet", tmp_path / "x")
    load = YAML(typ="safe", pure=True).load
    expected, found = (load((place / "dvc.lock").read_text())["stages"] for place in (ROOT, tmp_path / "x"))
    for stage in ("prepare", "train", "evaluate"):
        assert found[stage]["outs"] == expected[stage]["outs"]
