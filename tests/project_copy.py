"""A copy of the project as it stands, in a repository of its own, for tests that run real commands."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment(**extra: str) -> dict[str, str]:
    """Return the environment in which ``dvc`` and ``python`` are those of this interpreter."""
    # A make that runs the tests tells a make in a test that it is its child.
    foreign = ("REPRISE_", "DVC_", "MAKE", "MFLAGS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONDONTWRITEBYTECODE": "1", **extra}


def run(command: str, folder: Path, *, fails: int | None = None, **extra: str) -> str:
    """Run one command line and return its output; it must end with 0, or with `fails`."""
    done = subprocess.run(
        command.split(), cwd=folder, env=environment(**extra), capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    assert done.returncode == (fails or 0), f"{command} ended with {done.returncode}:\n{output}"
    return output


def copy_project(folder: Path) -> Path:
    """Copy the files that git tracks or would track into `folder` and commit them there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():  # links to folders too: the recipes' to the code
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    run("git init --quiet --initial-branch main", folder)
    run("git config user.name Tester", folder)
    run("git config user.email tester@example.org", folder)
    run("git add --all", folder)
    run("git commit --quiet --message copy", folder)
    return folder
