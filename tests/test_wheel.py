"""The wheel: what it holds, and a project of three files beside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from installed import ROOT, build_wheel, install, packages, run_there
from project_copy import run

from reprise.arithmetic import build
from reprise.foundation import package
from reprise.project.code import stage_digests
from reprise.project.listing import AT_EACH, STARTED, files_below

SMALL = """\
prepare: {dataset: csv, csv: {path: data/raw/small.csv, target: kind}}
model: {kind: linear}
train: {epochs: 2}
evaluate: {baselines: none}
"""
ROWS = "\n".join(f"{n % 7},{n % 5},{'ab'[(n % 7 + n % 5) > 5]}" for n in range(60))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment with the wheel."""
    return install(wheel, tmp_path_factory.mktemp("venv"))


@pytest.fixture(scope="module")
def project(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project beside it, with a table, which was run and committed."""
    folder = tmp_path_factory.mktemp("mine") / "plants"
    told = run_there(installed, f"reprise new {folder}", folder.parent)
    assert f"{folder}: a project beside the installed Reprise\n" in told
    (folder / "params.yaml").write_text(SMALL)
    (folder / "data/raw/small.csv").write_text(f"width,height,kind\n{ROWS}\n")
    run_there(installed, "dvc repro --quiet", folder)
    run_there(installed, "git add --all", folder)
    run_there(installed, "git commit --quiet --message run", folder)
    return folder


def test_the_wheel_holds_kernels_code_and_what_projects_start_with(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for isa in build.ISAS[build.this_target().split("-")[0]]:
            inside = f"reprise/kernels/{build.fingerprint()}/{build.library_path(isa).name}"
            assert archive.read(inside) == build.ensure(isa).read_bytes()
    code = [path for name in package.PACKAGES for path in package.code_files(ROOT / name)]
    assert {path.relative_to(ROOT).as_posix() for path in code} <= names
    assert {f"reprise/template/{path}" for path in files_below(ROOT, (*AT_EACH, *STARTED))} <= names
    assert not [name for name in names if name.startswith(("tests", "recipes", "own", "tools"))]
    assert "manylinux_2_17" in wheel.name


def test_it_is_the_installed_package_that_runs(installed: Path, project: Path) -> None:
    code = "import reprise, stages; from reprise.arithmetic.build import library_path as path; "
    shown = "reprise.__file__, stages.__file__, path('baseline'), path('neon')"
    told = run_there(installed, f'python -c "{code}print({shown})"', project)
    *code_files, carried, other = told.split()
    assert code_files == [str(packages(installed) / name / "__init__.py") for name in package.PACKAGES]
    first = next(iter(build.ISAS[build.this_target().split("-")[0]]))
    assert str(packages(installed) / "reprise/kernels") in (carried if first == "baseline" else other)
    assert not (installed / "share/reprise").exists()  # nothing was compiled, by the whole pipeline


@pytest.mark.proof
def test_results_have_the_bytes_that_the_clone_gives(project: Path, tmp_path: Path) -> None:
    prepared, made = f"--prepared {tmp_path}/p", f"--model {tmp_path}/m --metrics {tmp_path}/r"
    run(f"python -m stages.prepare {prepared}", project, PYTHONPATH=str(ROOT))
    run(f"python -m stages.train {prepared} {made}", project, PYTHONPATH=str(ROOT))
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "m" / name).read_bytes() == (project / "models" / name).read_bytes()


def test_the_commands_work_beside_the_package(installed: Path, project: Path) -> None:
    assert "Data and pipelines are up to date" in run_there(installed, "dvc status", project)
    assert "report.html: " in run_there(installed, "reprise report", project)
    run_there(installed, "reprise predict data/raw/small.csv --output predictions.csv", project)
    assert len((project / "predictions.csv").read_text().splitlines()) == 61
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "pip install reprise==0.1.0" in page
    assert "make env" not in page


@pytest.mark.proof
def test_a_receipt_is_verified_beside_the_package(installed: Path, project: Path) -> None:
    told = run_there(installed, "reprise receipt", project)
    assert "cpu portable: the same bytes on every machine" in told
    assert " same, 0 differ, 0 failed, 0 skipped" in run_there(
        installed, "reprise verify receipt.json", project
    )


def test_new_code_of_the_package_runs_its_stages_again(installed: Path, project: Path) -> None:
    loop = packages(installed) / "reprise/training/loop.py"
    text = loop.read_text()
    loop.write_text(f"{text}\n# newer\n")
    try:
        told = run_there(installed, "python -m stages.train", project, fails=3)
        assert (
            "reprise.json: this project is made with Reprise 0.1.0, and 0.1.0 is installed with other" in told
        )
        assert "run reprise update" in run_there(installed, "reprise verify", project, fails=3)
        assert "up to date" in run_there(
            installed, "dvc status", project
        )  # until the project goes over to it
        told = run_there(installed, "reprise update", project)
        assert "next: dvc repro   # runs again: train; dvc.lock changes" in told
        assert run_there(installed, "git diff --name-only", project) == "reprise.json\n"
        status = json.loads(run_there(installed, "dvc status --json", project))
        assert status == {"train": [{"changed deps": {"reprise.json": {"code.train": "modified"}}}]}
    finally:
        loop.write_text(text)
        run_there(installed, "git checkout --quiet reprise.json", project)


def test_a_package_has_no_code_to_copy(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "reprise.json").write_text('{"files": {}, "kind": "copy", "reprise": "0.0.1"}\n')
    told = run_there(installed, "reprise update", tmp_path, fails=2)
    assert "holds Reprise's code, and an installed package has none to give; run update in a clone" in told


def test_a_stages_hash_is_about_its_own_code_alone(tmp_path: Path) -> None:
    for name in ("reprise", "stages"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    for room in ("shared", "early", "late", "unused"):
        (tmp_path / "reprise" / room).mkdir()
        (tmp_path / "reprise" / room / "__init__.py").write_text("")
        (tmp_path / "reprise" / room / "k.c").write_text("")
    for stage, room in (("prepare", "early"), ("train", "late"), ("evaluate", "late")):
        (tmp_path / f"stages/{stage}.py").write_text(f"import reprise.{room}, reprise.shared\n")
    before = stage_digests(tmp_path)
    changed = {}
    for room in ("unused", "early", "late", "shared"):
        (tmp_path / "reprise" / room / "k.c").write_text("int x;")
        after = stage_digests(tmp_path)
        changed[room] = {stage for stage in before if before[stage] != after[stage]}
        before = after
    assert changed == {
        "unused": set(),
        "early": {"prepare"},
        "late": {"train", "evaluate"},
        "shared": {"prepare", "train", "evaluate"},
    }
