"""``reprise doctor``: is the environment what the promise of equal bytes needs? One line a check."""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import EnvironmentProblem

EXAMPLES = """
reprise doctor
reprise doctor --quiet      (problems alone)
"""
OLDEST_PYTHON = (3, 11)
OLDEST_TORCH = (2, 10)  # that the promise was proven with
ENOUGH_BYTES = 2 * 2**30  # prepared data, models and DVC's cache of the largest recipe, with room to spare
LOCK = Path("requirements.lock")
PROJECT = Path("pyproject.toml")
SHOWN = 5
MARKS = {True: "ok", False: "PROBLEM", None: "note"}


class Finding(NamedTuple):
    """The outcome of a check: fine (True), wrong (False), or only worth knowing (None)."""

    fine: bool | None
    line: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print one line a check.

    Raises
    ------
    EnvironmentProblem
        If something is wrong.
    """
    findings = []
    for finding in (finding for check in CHECKS for finding in check()):
        findings.append(finding)
        if not arguments.json and not (arguments.quiet and finding.fine is not False):
            print(f"{MARKS[finding.fine]:7} {finding.line}", flush=True)
    if arguments.json:
        print_json([{"verdict": MARKS[fine].lower(), "line": line} for fine, line in findings])
    wrong = sum(finding.fine is False for finding in findings)
    if wrong:
        raise EnvironmentProblem(f"doctor: {wrong} problem{'s' * (wrong > 1)}; what to do is said above")


def python() -> Iterator[Finding]:
    """Is Python new enough?"""
    fine = sys.version_info >= OLDEST_PYTHON
    fix = "" if fine else "; Reprise needs 3.11 or newer: make env PYTHON=python3.12"
    yield Finding(fine, f"Python {platform.python_version()} ({sys.executable}){fix}")


def processor() -> Iterator[Finding]:
    """Which instruction set do the kernels use here, and are they compiled?"""
    from reprise.arithmetic import build, library
    from reprise.foundation.workers import cores

    machine = build.this_target().split("-")[0]
    if machine not in build.ISAS:
        known = " and ".join(build.ISAS)
        advice = "set train.numerics: native, or use such a machine"
        yield Finding(False, f"processor: {machine}; portable numerics are for {known}: {advice}")
        return
    able = list(build.ISAS[machine])
    missing = [isa for isa in able if not build.library_path(isa).is_file()]
    if missing:
        names = ", ".join(missing)
        yield Finding(None, f"processor: {machine}, {cores()} cores for this process")
        yield Finding(
            False, f"kernels: not compiled for {names}, so portable numerics may refuse: run make env"
        )
        return
    try:
        chosen = library.chosen_isa()
    except EnvironmentProblem as problem:
        yield from (Finding(False, line) for line in problem.problems)
        return
    best = library.load(able[0]).best_isa().decode()
    possible = ", ".join(able[: able.index(best) + 1])
    yield Finding(
        True,
        f"processor: {machine} with {possible}; kernels use {chosen}, {cores()} cores for this process",
    )
    yield Finding(True, f"kernels: compiled ({build.library_path(chosen).parent})")


def packages() -> Iterator[Finding]:
    """Are the installed packages those of the lock?"""
    if not LOCK.is_file():
        yield Finding(
            None, f"{LOCK}: not in this folder; run doctor where the project is to compare packages"
        )
        return
    wanted = locked_versions(LOCK.read_text(encoding="utf-8"))
    differing = []
    for name, version in wanted.items():
        found = installed_version(name)
        if found is None or found.split("+")[0] != version:
            differing.append(f"{name} is {found or 'missing'}, locked {version}")
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        yield Finding(False, f"packages: {'; '.join(differing[:SHOWN])}{more}; run make env")
    else:
        yield Finding(True, f"packages: all {len(wanted)} are those of {LOCK}")


def stamp() -> Iterator[Finding]:
    """Was the environment made from this lock (see tools/environment.py)?"""
    path = Path(sys.prefix, "made-from")
    if not (LOCK.is_file() and PROJECT.is_file()):
        return
    if not path.is_file():
        yield Finding(None, f"environment: {sys.prefix} was not made by make env; the packages above count")
        return
    digest = hashlib.sha256(f"{sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix}".encode())
    for source in (LOCK, PROJECT):
        digest.update(source.read_bytes())
    fine = path.read_text(encoding="utf-8").strip() == digest.hexdigest()
    yield Finding(
        fine,
        f"environment: {sys.prefix} "
        + (f"was made from {LOCK}" if fine else f"was made from another {LOCK} or {PROJECT}; run make env"),
    )


def project() -> Iterator[Finding]:
    """Is the installed package the one that this project is made with?"""
    from reprise.foundation.package import PROJECT_FILE, refuse_other_package

    if not PROJECT_FILE.is_file():
        return
    try:
        refuse_other_package()
    except EnvironmentProblem as problem:
        yield from (Finding(False, line) for line in problem.problems)
    else:
        yield Finding(True, f"{PROJECT_FILE}: this Reprise is the project's")


def torch() -> Iterator[Finding]:
    """Can torch be loaded, and is there a GPU?"""
    try:
        import torch as library
    except (ImportError, OSError) as error:
        yield Finding(False, f"torch: can't be loaded ({' '.join(str(error).split())}); run make env")
        return
    found = tuple(int(part) for part in re.findall(r"\d+", library.__version__)[:2])
    if found < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        yield Finding(False, f"torch {library.__version__}: Reprise needs {oldest} or newer; run make env")
    else:
        yield Finding(True, f"torch {library.__version__}; portable bytes don't depend on its version")
    if library.cuda.is_available():
        yield Finding(True, f"CUDA: {library.cuda.get_device_name()}; --device auto trains on it")
    else:
        yield Finding(None, "CUDA: no device; the CPU is used")


def dvc() -> Iterator[Finding]:
    """Is DVC there, and is this a DVC repository?"""
    version, command = installed_version("dvc"), shutil.which("dvc", path=_path())
    if version is None or command is None:
        yield Finding(False, "dvc: not installed in this environment; run make env")
        return
    yield Finding(True, f"dvc {version} ({command})")
    if Path("dvc.yaml").is_file() and not Path(".dvc").is_dir():
        yield Finding(
            False, "dvc.yaml is here but .dvc is not: dvc repro can't work; clone the repository again"
        )


def disk() -> Iterator[Finding]:
    """Is there room?"""
    free = shutil.disk_usage(Path.cwd()).free
    fine = free >= ENOUGH_BYTES
    fix = "" if fine else "; MNIST-sized recipes need 2 GB"
    yield Finding(fine, f"disk: {free / 2**30:.1f} GB free{fix}")


def folders() -> Iterator[Finding]:
    """Can the folders that runs write be written?"""
    for name in (".state", "data", "models", "metrics"):
        path = Path(name)
        if not path.exists():
            continue
        if not path.is_dir():
            yield Finding(False, f"{name}: is a file, but must be a folder; move it away")
        elif not os.access(path, os.W_OK | os.X_OK):
            yield Finding(False, f"{name}: can't be written by this user; check its owner and permissions")
    waiting = sorted(
        path for path in Path(".state").glob("*/*") if path.is_dir() and path.parts[1] != "features"
    )
    if waiting:
        size = sum(file.stat().st_size for path in waiting for file in path.rglob("*") if file.is_file())
        yield Finding(
            None,
            f".state: {len(waiting)} unfinished training(s), {size / 2**20:.0f} MB; the same dvc repro goes "
            "on with them, and removing .state gives them up",
        )
    else:
        yield Finding(True, ".state: no unfinished training")


def locked_versions(lock: str) -> dict[str, str]:
    """Return the version of each package that the lock asks for on this machine."""
    from packaging.markers import Marker

    wanted = {}
    for match in re.finditer(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)[ \t]*(?:;([^\\\n]+))?", lock, re.MULTILINE):
        name, version, marker = match.groups()
        if marker is None or Marker(marker.strip()).evaluate():
            wanted[name] = version.split("+")[0]
    return wanted


def installed_version(name: str) -> str | None:
    """Return a package's version, None when it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _path() -> str:
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    python, processor, packages, stamp, project, torch, dvc, disk, folders
)  # fmt: skip
