"""Reprise as an installed package: its wheel in an environment of its own."""

from __future__ import annotations

import os
import shlex
import site
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def build_wheel(folder: Path) -> Path:
    """Build the wheel as `make wheel` does; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new environment that sees this one's packages, but for Reprise; return it."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin/python"
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps"]
    subprocess.run([*command, "--python", str(python), str(wheel)], check=True, capture_output=True)
    # .pth files in a folder that a .pth file names are not read, so the editable Reprise stays away.
    (packages(folder) / "others.pth").write_text(f"{site.getsitepackages()[0]}\n")
    script = f"#!{python}\nimport sys\nfrom dvc.cli import main\nsys.exit(main())\n"
    (folder / "bin/dvc").write_text(script)
    (folder / "bin/dvc").chmod(0o755)
    return folder


def packages(environment: Path) -> Path:
    """Return the site-packages of an environment."""
    (found,) = environment.glob("lib/python*/site-packages")
    return found


def run_there(environment: Path, command: str, folder: Path, *, fails: int = 0) -> str:
    """Run one of an environment's programs, or git, and return its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REPRISE_", "DVC_"))}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)  # the package would be compiled anew by each process
    path = os.pathsep.join([str(environment / "bin"), kept["PATH"]])
    words = shlex.split(command)
    own = environment / "bin" / words[0]
    done = subprocess.run(
        [str(own) if own.exists() else words[0], *words[1:]],
        cwd=folder, env={**kept, "PATH": path, "DVC_NO_ANALYTICS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == fails, f"{command} ended with {done.returncode}:\n{output}"
    return output
