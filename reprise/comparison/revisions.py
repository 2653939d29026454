"""Files of other revisions: of a commit, a branch, a tag or an experiment, from git or DVC's cache."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reprise.foundation.errors import UserError, nearest

WORKSPACE = "workspace"  # DVC's word for the files as they are now


def text_of(path: Path, revision: str) -> str:
    """Return the content of one of the project's text files.

    Parameters
    ----------
    path : Path
        Below the project, which is the current folder.
    revision : str
        Whatever git or DVC knows, or ``workspace``.

    Raises
    ------
    UserError
        If there is no such revision, or it has no such file.
    """
    if revision == WORKSPACE:
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; run the stage that writes it (dvc repro)") from None
    import dvc.api  # takes half a second
    from dvc.exceptions import DvcException, PathMissingError
    from dvc.scm import RevError

    try:
        return str(dvc.api.read(path.as_posix(), rev=revision, encoding="utf-8"))
    except RevError:
        raise UserError(_unknown(revision)) from None
    except PathMissingError:
        raise UserError(
            f"{revision}: {path}: neither in git nor in DVC's cache; dvc fetch gets what was pushed, "
            "and dvc repro there makes it"
        ) from None
    except DvcException as error:
        raise UserError(f"{revision}: {path}: {' '.join(str(error).split())}") from None


def check_revision(revision: str) -> None:
    """Raise a `UserError` if neither git nor DVC knows a revision."""
    from dvc.repo import Repo  # takes half a second
    from dvc.scm import RevError, resolve_rev

    try:
        with Repo() as repo:
            resolve_rev(repo.scm, revision)
    except RevError:
        raise UserError(_unknown(revision)) from None


def _unknown(revision: str) -> str:
    shallow = _git("rev-parse", "--is-shallow-repository") == ["true"]
    if shallow:
        return f"{revision}: not in this clone, which is shallow; git fetch --unshallow gets what it lacks"
    close = nearest(revision, [*_names(), WORKSPACE])
    hint = f"did you mean {close}?" if close else "dvc exp show -A lists commits and experiments"
    return f"{revision}: no commit, branch, tag or experiment; {hint}"


def _names() -> list[str]:
    """Return the names of branches, tags and experiments (DVC keeps these in refs of its own)."""
    refs = [ref.split("/") for ref in _git("for-each-ref", "--format=%(refname)")]
    named = [
        "/".join(ref[2:]) if ref[1] in ("heads", "tags") else ref[-1]
        for ref in refs
        if ref[1] in ("heads", "tags", "exps")
    ]
    return list(dict.fromkeys(named))


def _git(*words: str) -> list[str]:
    """Return the words that a git command prints."""
    return subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.split()
