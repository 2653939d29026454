"""Git and DVC as commands, with the interpreter that runs now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from reprise.foundation.errors import EnvironmentProblem, UserError

DVC = (sys.executable, "-m", "dvc")


def run_command(
    command: list[str], folder: Path, *, hide_cuda: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and return how it ended, whatever that is.

    Parameters
    ----------
    command : list of str
    folder : Path
    hide_cuda : bool
        Let stages see no GPU, so that they compute on the CPU.
    """
    # `python` in the stages must be the interpreter that runs now, wherever it was started from.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "REPRISE_STATE": ""}
    if hide_cuda:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise EnvironmentProblem(f"{command[0]}: not installed; it is needed here") from None


def output_of(command: list[str], folder: Path) -> str:
    """Return what a command prints.

    Raises
    ------
    UserError
        If it fails.
    """
    done = run_command(command, folder)
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
    top = run_command(["git", "rev-parse", "--show-toplevel"], folder).stdout.strip()
    if not top or Path(top).resolve() != folder.resolve():
        hint = f"run it in {top}" if top else "git init, and commit what was run"
        raise UserError(f"{folder.resolve()}: is not the root of a git repository; {hint}")
    if run_command(["git", "rev-parse", "--verify", "--quiet", "HEAD"], folder).returncode != 0:
        raise UserError(f"{folder.resolve()}: has no commit yet; git add --all && git commit")
    return folder
