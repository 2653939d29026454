"""The files that a project starts with, and which of them stay Reprise's.

*Copied* files are Reprise's: an update brings their newer version. *Started* files are the user's from the
first day; an update leaves them alone. Both come from where this Reprise is: its clone, or the folder that a
wheel carries for them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import reprise
from reprise.foundation.errors import UserError
from reprise.foundation.package import PROJECT_FILE, package_root
from reprise.project import pipeline, readme
from reprise.project.listing import AT_EACH, CARRIED, HELD, RENAMED, STARTED, WORKFLOW, files_below
from reprise.project.makefile import of_workflow, without_missing

Kind = Literal["copy", "package"]
CONFIG = "[core]\n    analytics = false\n    autostage = false\n"
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|#)[^)]*\)")  # to a file that only a clone has


def source() -> Path:
    """Return the folder that the files come from.

    Raises
    ------
    UserError
        If this Reprise is part of a project, whose files are its user's.
    """
    carried = Path(reprise.__file__).resolve().parent / CARRIED
    if carried.is_dir():
        return carried
    root = package_root()
    if (root / PROJECT_FILE).is_file():
        raise UserError(f"{root}: is a project itself; projects are made and updated by Reprise's own clone")
    return root


def is_installed() -> bool:
    """Tell whether this Reprise is an installed package, which has no clone to copy from."""
    return source().name == CARRIED


def started_files(kind: Kind, name: str) -> dict[str, bytes]:
    """Return the user's first files, by path."""
    folder = source()
    found = _read(folder, STARTED)
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
        found = _read(folder, AT_EACH)
        found["dvc.yaml"] = pipeline.for_package(found["dvc.yaml"].decode()).encode()
        return found
    if is_installed():
        raise UserError("this Reprise is an installed package, which has no code to copy; use a clone's")
    found = _read(folder, HELD)
    for old, new in RENAMED.items():
        found[new] = (folder / old).read_bytes()
    found["docs/reprise.md"] = found["docs/reprise.md"].replace(b"](docs/", b"](")
    makefile = without_missing(found["Makefile"].decode(), set(found))
    found["Makefile"] = makefile.encode()
    workflow = of_workflow((folder / WORKFLOW).read_text(encoding="utf-8"), makefile)
    if workflow is not None:
        found[WORKFLOW] = workflow.encode()
    return found


def _read(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in files_below(folder, names)}


def _without_schema(text: str) -> str:
    """Return params.yaml without the line that names a schema for editors, which a clone alone has."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("# yaml-language-server"))
