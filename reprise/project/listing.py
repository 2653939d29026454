"""The names of the files that a project gets. The standard library alone: building a wheel reads them too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

CARRIED = "template"  # the folder of an installed package that holds what `AT_EACH` and `STARTED` name
# The user's from the first day.
STARTED = (
    "params.yaml",
    "own/README.md",
    "data/.gitignore",
    "data/raw/.gitignore",
    "data/raw/README.md",
    "metrics/.gitignore",
    "models/.gitignore",
)
# Reprise's, in every project, and in one that holds Reprise's code.
AT_EACH = (".dvc/.gitignore", ".dvc/plots", ".dvcignore", ".gitignore", "dvc.yaml")
HELD = (
    *AT_EACH, "Makefile", "canary.json", "docs", "params.schema.json", "pyproject.toml", "reprise",
    "requirements.lock", "stages", "tools/environment.py", "tools/wheel.py",
)  # fmt: skip
WORKFLOW = ".github/workflows/ci.yml"
RENAMED = {"README.md": "docs/reprise.md", "LICENSE": "LICENSE.reprise"}
LITTER = re.compile(r"(^|/)(__pycache__|\.DS_Store|\.ipynb_checkpoints|[^/]*\.py[cod]|[^/]*\.tmp-\d+)(/|$)")


def files_below(folder: Path, names: tuple[str, ...]) -> Iterator[str]:
    """Yield the paths of files, and of those in folders, that have some names below `folder`."""
    for name in names:
        place = folder / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and not LITTER.search(inside):
                yield inside
