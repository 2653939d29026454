"""The stages' dependencies in dvc.yaml are exactly the files that their code imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from stage_dependencies import PIPELINES, expected, imported_files, with_folders  # noqa: E402


@pytest.mark.parametrize("pipeline", PIPELINES, ids=str)
def test_pipelines_list_what_their_code_imports(pipeline: Path) -> None:
    from ruamel.yaml import YAML

    content = YAML(typ="safe", pure=True).load((ROOT / pipeline).read_text(encoding="utf-8"))
    for name, stage in content["stages"].items():
        assert stage["deps"] == expected(stage, ROOT), f"{pipeline}: {name}: run make deps"


@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate"])
def test_static_imports_cover_what_is_loaded(stage: str) -> None:
    # The oracle is Python itself: whatever of ours a stage loads at its start must be in the list.
    code = (
        f"import stages.{stage}, sys, pathlib; "
        "print('\\n'.join(m.__file__ for n, m in list(sys.modules.items()) "
        "if n.split('.')[0] in ('reprise', 'stages') and m.__file__))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {Path(line).relative_to(ROOT) for line in done.stdout.split()}
    assert loaded
    assert loaded <= imported_files(f"stages.{stage}", ROOT)


def test_imports_are_followed_into_functions_and_packages(tmp_path: Path) -> None:
    package = tmp_path / "reprise"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "a.py").write_text("def f():\n    from reprise import b\n")
    (package / "b.py").write_text("import reprise.c\n")
    (package / "c.py").write_text("from reprise.a import f\nimport json\n")
    (package / "unused.py").write_text("")
    found = {path.name for path in imported_files("reprise.a", tmp_path)}
    assert found == {"__init__.py", "a.py", "b.py", "c.py"}


def test_train_does_not_see_evaluation_and_evaluation_not_training() -> None:
    train = {path.as_posix() for path in imported_files("stages.train", ROOT)}
    evaluate = {path.as_posix() for path in imported_files("stages.evaluate", ROOT)}
    assert not [path for path in train if path.startswith("reprise/evaluation")]
    assert not [path for path in evaluate if path.startswith("reprise/training")]
    assert not [path for path in train | evaluate if path.startswith("reprise/data/sources")]


def test_a_package_that_is_there_whole_is_one_folder(tmp_path: Path) -> None:
    names = ["reprise/a.py", "reprise/part/__init__.py", "reprise/part/b.py", "reprise/part/deep/c.py"]
    for name in [*names, "reprise/other/d.py", "reprise/other/e.py", "reprise/unused.py"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = {Path(name) for name in [*names, "reprise/other/d.py"]}
    listed = {path.as_posix() for path in with_folders(files, tmp_path)}
    assert listed == {"reprise/a.py", "reprise/part", "reprise/other/d.py"}
    without_b = {path.as_posix() for path in with_folders(files - {Path("reprise/part/b.py")}, tmp_path)}
    assert without_b == {
        "reprise/a.py", "reprise/part/__init__.py", "reprise/part/deep", "reprise/other/d.py"
    }  # fmt: skip


@pytest.mark.parametrize("stage", ["prepare", "train", "evaluate"])
def test_folders_hold_just_the_files_that_are_imported(stage: str) -> None:
    files = imported_files(f"stages.{stage}", ROOT)
    listed = with_folders(files, ROOT)
    spread = {
        found.relative_to(ROOT)
        for path in listed
        for found in ((ROOT / path).rglob("*.py") if (ROOT / path).is_dir() else [ROOT / path])
    }
    assert spread == files
    assert len(listed) < len(files)
