"""The reference run, and the table of what was proven."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .cases import CASES, RESNET, SHORT, digest, first_difference
from .runs import ROOT, run_cases

TABLE = ROOT / "build" / "proof.md"
HEAD = "| what varied | models | runs | SHA-256 (first 12) |\n|---|---|---|---|\n"
MODELS = ", ".join(CASES)
_rows: dict[str, str] = {}


def note(varied: str, models: str, runs: int, result: str) -> None:
    """Put a row into the table; a later one of the same name replaces it."""
    _rows[varied] = f"| {varied} | {models} | {runs} | {result} |"


@dataclass
class Row:
    """One row of the table: runs of which every byte has to equal the reference's.

    Attributes
    ----------
    reference : Path
        The outputs of the undisturbed run.
    """

    varied: str
    models: str
    reference: Path
    hashes: list[str] = field(default_factory=list)

    def add(self, folder: Path) -> None:
        """Count a run.

        Raises
        ------
        AssertionError
            If a byte differs, with the first file and tensor that does.
        """
        self.hashes.append(digest(folder))
        expected = digest(self.reference)
        if self.hashes[-1] == expected:
            note(self.varied, self.models, len(self.hashes), expected[:12])
        else:
            difference = first_difference(self.reference, folder)
            note(self.varied, self.models, len(self.hashes), f"**differs**: {difference}")
            raise AssertionError(f"{self.varied}: {difference}")


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three cases, run once in the plainest way: one process, one thread."""
    return run_cases(tmp_path_factory.mktemp("reference"), workers=1)


@pytest.fixture(scope="session")
def resnet_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The large case, run in the plainest way."""
    return run_cases(tmp_path_factory.mktemp("resnet"), RESNET, workers=1)


@pytest.fixture(scope="session")
def short_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One case, for the part that runs with all other tests."""
    return run_cases(tmp_path_factory.mktemp("short"), SHORT, workers=1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Iterator[pytest.TestReport | None]:
    """Give a skipped row a line too, with the reason."""
    report = yield
    if isinstance(report, pytest.TestReport) and report.skipped and item.get_closest_marker("proof"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        note(item.name, "", 0, reason.removeprefix("Skipped: "))
    return report


def pytest_sessionfinish() -> None:
    """Write the table of all rows that ran."""
    if _rows:
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text(HEAD + "".join(f"{line}\n" for line in _rows.values()), encoding="utf-8")
