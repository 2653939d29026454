"""The stages' dependencies in dvc.yaml are exactly the rooms that their code imports from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
from stage_dependencies import PIPELINES, expected, imported_files, rooms  # noqa: E402


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


@pytest.mark.parametrize("pipeline", PIPELINES, ids=str)
def test_the_main_pipeline_alone_depends_on_own_code(pipeline: Path) -> None:
    from ruamel.yaml import YAML

    content = YAML(typ="safe", pure=True).load((ROOT / pipeline).read_text(encoding="utf-8"))
    watched = [name for name, stage in content["stages"].items() if "own" in stage["deps"]]
    assert watched == ([] if pipeline.parent.name == "recipes" else ["prepare", "train", "evaluate"])


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


@pytest.mark.parametrize(
    ("stage", "business"),
    [
        ("prepare", {"foundation", "settings", "prepared", "own", "data", "tables", "images", "preparing"}),
        ("train", {"foundation", "settings", "prepared", "own", "arithmetic", "model", "training"}),
        ("evaluate", {"foundation", "settings", "prepared", "own", "arithmetic", "model", "evaluation"}),
    ],
)
def test_a_stage_depends_on_the_rooms_that_it_has_business_with(stage: str, business: set[str]) -> None:
    listed = {path.as_posix() for path in rooms(imported_files(f"stages.{stage}", ROOT))}
    own = {"reprise/__init__.py", "stages/__init__.py", f"stages/{stage}.py"}
    assert listed == own | {f"reprise/{room}" for room in business}


def test_a_room_is_one_folder_as_soon_as_a_file_of_it_is_imported() -> None:
    single = ["reprise/__init__.py", "reprise/a.py", "stages/__init__.py", "stages/train.py"]
    files = [*single, "reprise/part/b.py", "reprise/deep/er/c.py"]
    listed = {path.as_posix() for path in rooms(set(map(Path, files)))}
    assert listed == {*single, "reprise/part", "reprise/deep"}
