"""What Reprise leaves beside the project is nothing to git."""

from __future__ import annotations

from pathlib import Path

from project_copy import copy_project, run
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


def test_what_is_ours_is_ignored_as_a_folder_and_as_a_link(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    copy_project(project)
    (tmp_path / "elsewhere").mkdir()
    for name in (".venv", ".state"):
        (project / name).symlink_to(tmp_path / "elsewhere")
    for name in (
        "params.yaml.bak", "params.yaml.bak1", "params.yaml.bak18", "params.yaml.tmp-12", "report.html",
        "models/model.onnx", "models/model.pt2", "data/prepared.tmp-12/schema.json", "metrics/trees.json",
        "recipes/metrics/iris/trees.json",
    ):  # fmt: skip
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("")
    assert run("git status --porcelain --untracked-files=all", project) == ""


def test_ignore_files_that_go_with_their_folder_are_those_that_dvc_writes_anew() -> None:
    """After ``rm -r models metrics`` and ``dvc repro`` git sees no difference."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    outputs = [out for stage in stages.values() for out in stage["outs"] if isinstance(out, str)]
    for folder in ("models", "metrics"):
        written = {out.removeprefix(folder) for out in outputs if out.startswith(f"{folder}/")}
        ignored = set((ROOT / folder / ".gitignore").read_text().split())
        assert written == ignored
