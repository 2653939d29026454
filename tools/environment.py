"""Create or refresh the virtual environment from requirements.lock.

Run by the system's Python before anything is installed: the standard library only.
A stamp inside the environment names the lock and the interpreter that it was made from, so an
environment that matches is used as it is and any other is brought in line.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import venv
from pathlib import Path

LOCK = Path("requirements.lock")
PROJECT = Path("pyproject.toml")
DVC = Path(".dvc")
RECIPES = Path("recipes")
OLDEST = (3, 11)


def fingerprint(python: str) -> str:
    """Return the SHA-256 of everything that the environment is made from."""
    digest = hashlib.sha256(python.encode())
    for path in (LOCK, PROJECT):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def pinned_uv() -> str:
    """Return the lock's ``uv==VERSION``, so that the installer is pinned like the rest."""
    match = re.search(r"^uv==\S+", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        sys.exit("requirements.lock: no line uv==VERSION; run make lock")
    return match.group()


def main() -> int:
    """Make ``.venv`` match the lock; return the exit code."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        print(f"python3 is {found}; Reprise needs 3.11 or newer: make PYTHON=python3.12 …", file=sys.stderr)
        return 3
    folder = Path(sys.argv[1])
    stamp = folder / "made-from"
    wanted = fingerprint(f"{sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix}")
    python = folder / "bin" / "python"
    if stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == wanted:
        if not has_plots_page():
            write_plots_page(python)
        return compile_kernels(python)
    print("environment: installing requirements.lock (a few minutes the first time)", flush=True)
    venv.EnvBuilder(with_pip=True, clear=not stamp.is_file(), symlinks=True).create(folder)
    stamp.unlink(missing_ok=True)  # an interrupted install must not look complete
    uv = [python, "-m", "uv", "pip"]
    target = ["--quiet", "--python", python]
    commands = [
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", pinned_uv()],
        # As pip does; else every process compiles torch's modules anew where PYTHONDONTWRITEBYTECODE is set.
        [*uv, "sync", *target, "--compile-bytecode", "--require-hashes", LOCK],
        [*uv, "install", *target, "--no-deps", "--no-build-isolation", "--editable", "."],
    ]
    for command in commands:
        code = subprocess.run([str(word) for word in command], check=False).returncode
        if code != 0:
            print(f"environment: {' '.join(map(str, command[1:6]))} … failed ({code})", file=sys.stderr)
            return 3
    stamp.write_text(wanted + "\n", encoding="utf-8")
    store_weights(python)
    write_plots_page(python)
    return compile_kernels(python)


def compile_kernels(python: Path) -> int:
    """Compile what is missing of the kernels; without them native numerics and CUDA still work."""
    code = subprocess.run([str(python), "-m", "reprise.arithmetic.build"], check=False).returncode
    if code != 0:
        print("environment: portable numerics are not available here (see above)", file=sys.stderr)
    return 0


def store_weights(python: Path) -> None:
    """Store the pretrained weights that come with a package; without them all else works."""
    code = subprocess.run([str(python), "-m", "reprise.model.published"], check=False).returncode
    if code != 0:
        print("environment: pretrained weights are not available here (see above)", file=sys.stderr)


def has_plots_page() -> bool:
    """Return whether there is a page for dvc plots, and one is chosen."""
    projects = [folder for folder in (DVC, RECIPES / DVC) if folder.is_dir()]
    return (DVC / "plots.html").is_file() and all(map(names_plots_page, projects))


def names_plots_page(folder: Path) -> bool:
    """Return whether the configuration in a `.dvc` folder names a page."""
    configs = (path for path in (folder / "config", folder / "config.local") if path.is_file())
    return any("html_template" in path.read_text(encoding="utf-8") for path in configs)


def write_plots_page(python: Path) -> None:
    """Write the page that dvc plots fills; without it DVC's own page needs the network."""
    code = subprocess.run([str(python), "-m", "reprise.project.plots_page"], check=False).returncode
    if code != 0:
        print("environment: dvc plots will need the network (see above)", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
