"""Where the project stands on disk, also for experiments that run in a copy of it."""

from __future__ import annotations

from pathlib import Path


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
    parts = here.parts
    for place in range(len(parts) - 2):
        if parts[place : place + 3] == (".dvc", "tmp", "exps"):
            return Path(*parts[:place])
    return here
