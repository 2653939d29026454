"""The files that a project starts with, and which of them stay Reprise's.

*Copied* files are Reprise's: an update brings their newer version. *Started* files are the user's from the
first day; an update leaves them alone. Both come from where this Reprise is: its clone, or the folder that a
wheel carries for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import reprise
from reprise.foundation.errors import UserError
from reprise.foundation.package import package_root
from reprise.project import pipeline, readme
from reprise.project.makefile import without_missing

Kind = Literal["copy", "package"]
CARRIED = "template"  # the folder in an installed package
STARTED = (
    "params.yaml",
    "own/README.md",
    "data/.gitignore",
    "data/raw/.gitignore",
    "data/raw/README.md",
    "metrics/.gitignore",
    "models/.gitignore",
)
# What a project needs whatever runs its stages, and what it needs when it holds Reprise's code.
SHARED = (".dvc/.gitignore", ".dvc/plots", ".dvcignore", ".gitignore", "dvc.yaml")
TOOLS = ("tools/environment.py", "tools/wheel.py")
HELD = (
    *SHARED, "Makefile", "canary.json", "docs", "params.schema.json", "pyproject.toml", "reprise",
    "requirements.lock", "stages", *TOOLS,
)  # fmt: skip
RENAMED = {"README.md": "docs/reprise.md", "LICENSE": "LICENSE.reprise"}
CONFIG = "[core]\n    analytics = false\n    autostage = false\n"
LITTER = re.compile(r"(^|/)(__pycache__|\.DS_Store|\.ipynb_checkpoints|[^/]*\.py[cod]|[^/]*\.tmp-\d+)(/|$)")
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)")  # to a file that only a clone has


def source() -> Path:
    """Return the folder that the files come from."""
    carried = Path(reprise.__file__).resolve().parent / CARRIED
    return carried if carried.is_dir() else package_root()


def holds_all(folder: Path) -> bool:
    """Tell whether projects that hold Reprise's code can be made from a folder: it is a clone."""
    return all((folder / name).exists() for name in (*HELD, *RENAMED))


def started_files(kind: Kind, name: str) -> dict[str, bytes]:
    """Return the user's first files, by path."""
    folder = source()
    found = {path: (folder / path).read_bytes() for path in STARTED if (folder / path).is_file()}
    found[".dvc/config"] = CONFIG.encode()
    found["README.md"] = readme.text(kind, name).encode()
    if kind == "package":
        found["params.yaml"] = _without_schema(found["params.yaml"].decode()).encode()
        for path in ("own/README.md", "data/raw/README.md"):
            found[path] = LINK.sub(r"\1", found[path].decode()).encode()
    return found


def copied_files(kind: Kind) -> dict[str, bytes]:
    """Return Reprise's files in a project, by path.

    Raises
    ------
    UserError
        If this Reprise has no clone to copy its code from.
    """
    folder = source()
    if kind == "package":
        found = dict(_read(folder, SHARED))
        found["dvc.yaml"] = pipeline.for_package(found["dvc.yaml"].decode()).encode()
        return found
    if not holds_all(folder):
        raise UserError(
            "this Reprise is an installed package, which has no code to copy; "
            "use its clone, or a project beside the package: reprise new --minimal"
        )
    found = dict(_read(folder, HELD))
    for old, new in RENAMED.items():
        found[new] = (folder / old).read_bytes()
    found["docs/reprise.md"] = found["docs/reprise.md"].replace(b"](docs/", b"](")
    found["Makefile"] = without_missing(found["Makefile"].decode(), set(found)).encode()
    return found


def _read(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        place = folder / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            inside = path.relative_to(folder).as_posix()
            if path.is_file() and not LITTER.search(inside):
                yield inside, path.read_bytes()


def _without_schema(text: str) -> str:
    """Return params.yaml without the line that names a schema for editors, which a clone alone has."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("# yaml-language-server"))
