"""Running git and DVC as people do, from a folder and with this interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from reprise.foundation.errors import EnvironmentProblem, UserError

DVC = (sys.executable, "-m", "dvc")


def environment() -> dict[str, str]:
    """Return the variables for a command that may run stages."""
    # `python` in the stages must be the interpreter that runs now, wherever it was started from.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "REPRISE_STATE": ""}


def run(command: Sequence[str], folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and return how it ended and what it printed.

    Parameters
    ----------
    command : sequence of str
    folder : Path
    **extra : str
        More variables of its environment.
    """
    variables = {**environment(), **extra}
    try:
        return subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, check=False,
            encoding="utf-8", errors="surrogateescape",  # names of files may be any bytes
        )  # fmt: skip
    except FileNotFoundError:
        raise EnvironmentProblem(f"{command[0]}: not installed; it is needed here") from None


def output_of(command: Sequence[str], folder: Path) -> str:
    """Return what a command prints.

    Raises
    ------
    UserError
        If it fails.
    """
    done = run(command, folder)
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UserError(f"{' '.join(command[:4])} … failed: {''.join(reason)}")
    return done.stdout


def repository(folder: Path) -> Path:
    """Return `folder`, which must be the root of a git repository with a commit.

    Raises
    ------
    UserError
        If it is not.
    """
    top = run(["git", "rev-parse", "--show-toplevel"], folder).stdout.strip()
    if not top or Path(top).resolve() != folder.resolve():
        hint = f"run it in {top}" if top else "git init, and commit what was run"
        raise UserError(f"{folder.resolve()}: is not the root of a git repository; {hint}")
    if run(["git", "rev-parse", "--verify", "--quiet", "HEAD"], folder).returncode != 0:
        raise UserError(f"{folder.resolve()}: has no commit yet; git add --all && git commit")
    return folder
