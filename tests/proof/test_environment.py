"""The machine's load, language, clock and folders change nothing."""

from __future__ import annotations

import locale
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import MODELS, Row
from .runs import run_cases

pytestmark = pytest.mark.proof


@contextmanager
def busy() -> Iterator[None]:
    """Keep every core twice as busy as it can be."""
    burn = "x = 1.0\nwhile True: x = x * 1.0000001 % 7"
    burning = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def test_busy_machine(reference: Path, tmp_path: Path) -> None:
    row = Row("a busy machine", MODELS, reference)
    with busy():
        for workers in (2, 4):
            row.add(run_cases(tmp_path / str(workers), workers=workers))


def has_locale(name: str) -> bool:
    """Whether this machine has a locale."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)
    return True


def make_locales(folder: Path) -> list[str]:
    """Return locales of other languages: the machine's own, else compiled with localedef where it can."""
    wanted = ("tr_TR", "ko_KR", "de_DE")
    found = [f"{name}.UTF-8" for name in wanted if has_locale(f"{name}.UTF-8")]
    if found:
        return found
    for name in wanted:
        try:
            subprocess.run(
                ["localedef", "-i", name, "-f", "UTF-8", "--no-archive", folder / f"{name}.UTF-8"],
                check=True, capture_output=True,
            )  # fmt: skip
            found.append(f"{name}.UTF-8")
        except (OSError, subprocess.CalledProcessError):
            continue
    return found


def test_locale(reference: Path, tmp_path: Path) -> None:
    names = ["C", "POSIX", *make_locales(tmp_path)]
    row = Row(f"locale {', '.join(names)}", MODELS, reference)
    for name in names:
        extra = {"LC_ALL": name, "LANG": name, "LANGUAGE": name, "LOCPATH": str(tmp_path)}
        row.add(run_cases(tmp_path / f"run-{name}", extra=extra))


def test_time_zone(reference: Path, tmp_path: Path) -> None:
    row = Row("time zone: Kiritimati, Marquesas", MODELS, reference)
    for zone in ("Pacific/Kiritimati", "<-0930>9:30"):
        row.add(run_cases(tmp_path / zone[-4:], extra={"TZ": zone}))


def test_umask(reference: Path, tmp_path: Path) -> None:
    row = Row("umask 000, 077", MODELS, reference)
    for mask in (0o000, 0o077):
        row.add(run_cases(tmp_path / f"{mask:o}", umask=mask))


def test_hash_seed(reference: Path, tmp_path: Path) -> None:
    row = Row("PYTHONHASHSEED 0, 1, random", MODELS, reference)
    for seed in ("0", "1", "random"):
        row.add(run_cases(tmp_path / seed, extra={"PYTHONHASHSEED": seed}))


def test_working_directory(reference: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "another place, 다른 곳"
    elsewhere.mkdir()
    row = Row("working directory and its name", MODELS, reference)
    row.add(run_cases(elsewhere / "run", cwd=elsewhere))
    row.add(run_cases(tmp_path / "run", cwd="/"))
