"""Running git and DVC as people do, from a folder and with this interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DVC = (sys.executable, "-m", "dvc")


def environment() -> dict[str, str]:
    """Return the variables for a command that may run stages."""
    # `python` in the stages must be the interpreter that runs now, wherever it was started from.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "REPRISE_STATE": ""}


def run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder and return how it ended and what it printed."""
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
