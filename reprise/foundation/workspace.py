"""Where the project stands on disk, also for experiments that run in a copy of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

EXPERIMENTS = Path(".dvc", "tmp", "exps")  # of a DVC project: where its experiments run in copies
# A file or folder in DVC's cache, named by the hash of its content. The cache may lie on another disk.
_CACHED = re.compile(r"files/md5/[0-9a-f]{2}/[0-9a-f]{30}(?:\.dir)?")


def main_root(start: Path | None = None) -> Path:
    """Return the root of the main repository, for a process that runs in its root or in a copy's root.

    ``dvc exp run --temp`` and queued runs work in a copy below ``.dvc/tmp/exps``. What is not tracked, such
    as downloads and training states, is kept in the repository that the copy was made from.

    Parameters
    ----------
    start : Path, optional
        The folder to judge; the current one by default.
    """
    here = (start or Path.cwd()).resolve()
    project, copy = copied_project(here), _repository(here)
    if project is None:
        return here
    if copy is None or not copy.is_relative_to(project / EXPERIMENTS):  # a copy without git
        return project
    # A DVC project may be a folder of the repository, as recipes/ is; the copy is of the repository.
    return (_repository(project) or project) / here.relative_to(copy)


def copied_project(place: Path) -> Path | None:
    """Return the DVC project to whose experiments a copy belongs; None for a place that is in no copy."""
    parts = place.parts
    for number in range(len(parts) - 2):
        if parts[number : number + 3] == EXPERIMENTS.parts:
            return Path(*parts[:number])
    return None


def _repository(place: Path) -> Path | None:
    """Return the root of the git repository that a folder is in."""
    return next((folder for folder in (place, *place.parents) if (folder / ".git").exists()), None)


def leads_outside(path: Path) -> Path | None:
    """Return where a path leads when that is outside the project, else None.

    Links are followed, but for those that DVC makes into its cache: what they lead to can't change.

    Parameters
    ----------
    path : Path
        Absolute, or relative to the current folder, which is the project's or a copy's (see `main_root`).
    """
    target = Path(os.path.realpath(path))  # it goes round in circles without complaint
    if target.is_relative_to(Path.cwd().resolve()) or target.is_relative_to(main_root()):
        return None
    return None if _CACHED.fullmatch("/".join(target.parts[-4:])) else target
