"""The installed code of Reprise, as a project beside it knows it: by a hash in its reprise.json.

A project that holds Reprise's code has that code as dependencies of its stages. One that uses an installed
package has not, so it records the package's hash, and the stages refuse to run with another.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import reprise
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.files import read_json, sha256_file

PROJECT_FILE = Path("reprise.json")
PACKAGES = ("reprise", "stages")
CODE = (".py", ".c", ".h")  # what decides results


def package_root() -> Path:
    """Return the folder that holds the packages: a clone of Reprise, or the environment's site-packages."""
    return Path(reprise.__file__).resolve().parents[1]


def code_files(folder: Path) -> list[Path]:
    """Return the files of code below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.suffix in CODE and path.is_file())


def digest(files: list[Path], root: Path) -> str:
    """Return a SHA-256 over names, below `root`, and contents."""
    named = sorted((path.relative_to(root).as_posix(), sha256_file(path)) for path in files)
    return hashlib.sha256(repr(named).encode("utf-8")).hexdigest()


def package_digest() -> str:
    """Return the SHA-256 of the code that runs now."""
    root = package_root()
    return digest([path for name in PACKAGES for path in code_files(root / name)], root)


def refuse_other_package(project: Path = Path()) -> None:
    """Refuse to work in a project that was made for another package than the one that runs now.

    Parameters
    ----------
    project : Path
        Its reprise.json decides; a project without one holds its own code.

    Raises
    ------
    EnvironmentProblem
        If the packages differ: DVC would take what this one computes for the other's.
    """
    path = project / PROJECT_FILE
    if not path.is_file():
        return
    known = read_json(path)
    if not isinstance(known, dict) or known.get("package") in (None, package_digest()):
        return
    version = known.get("reprise")
    same = version == reprise.__version__
    raise EnvironmentProblem(
        f"{PROJECT_FILE}: this project is made with Reprise {version}, and {reprise.__version__} is installed"
        f"{' with other code' if same else ''}; run reprise update to go over to it, or install the former"
    )
