"""Start a project: its files, a git repository of its own and a first commit."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import reprise
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import write_bytes
from reprise.foundation.package import PROJECT_FILE
from reprise.project.manifest import new_manifest
from reprise.project.template import Kind, copied_files, started_files


def start(folder: Path, name: str, kind: Kind) -> str:
    """Fill a new or empty folder with a project; return what is left to say, or nothing.

    Parameters
    ----------
    folder : Path
    name : str
        Stands in its README and its first commit.
    kind : {"copy", "package"}
        With Reprise's code in it, or beside an installed package.

    Raises
    ------
    UserError
        If the folder holds something, or is inside another repository.
    EnvironmentProblem
        If it can't be written, or git doesn't work.
    """
    refuse_occupied(folder)
    copied = copied_files(kind)
    files = {
        **copied,
        **started_files(kind, name),
        PROJECT_FILE.as_posix(): new_manifest(kind, copied).text(),
    }
    existed = folder.is_dir()
    try:
        for path, data in files.items():
            write_bytes(folder / path, data)
        return _first_commit(folder, f"{name}: a project on Reprise {reprise.__version__}")
    except BaseException as error:
        _remove(folder, existed)
        if isinstance(error, OSError):
            raise EnvironmentProblem(
                f"{folder}: can't be written ({error.strerror}); nothing of it is left"
            ) from None
        raise


def refuse_occupied(folder: Path) -> None:
    """Refuse a folder that holds something, or that is inside another repository."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; give a folder that is new or empty")
    if folder.is_dir() and any(folder.iterdir()):
        raise UserError(f"{folder}: holds files; give a folder that is new or empty")
    above = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.is_dir())
    top = _git(above, "rev-parse", "--show-toplevel").stdout.strip()
    if top:
        raise UserError(
            f"{folder}: is inside the git repository {top}, and a project is a repository of its own; "
            f"give a folder elsewhere, such as {Path(top).parent / folder.name}"
        )


def _first_commit(folder: Path, message: str) -> str:
    """Make a repository and commit everything; return a line if git doesn't know the user's name."""
    for words in (("init", "--quiet"), ("add", "--all")):
        done = _git(folder, *words)
        if done.returncode != 0:
            raise EnvironmentProblem(f"git {words[0]} failed: {done.stderr.strip()}")
    done = _git(folder, "commit", "--quiet", "--message", message)
    if done.returncode == 0:
        return ""
    return (
        "git made no commit (it may not know you: git config --global user.name, user.email); "
        "then: git commit --all --message start"
    )


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise EnvironmentProblem("git: not installed; a project is a git repository") from None


def _remove(folder: Path, existed: bool) -> None:
    """Remove what was begun; the folder was empty before."""
    with suppress(OSError):
        if not existed:
            shutil.rmtree(folder)
            return
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
