"""What every test needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from train_process import Place

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _portable_arithmetic() -> None:
    """Set torch's switches, unless the chosen tests do without torch: it takes seconds to load."""
    if "torch" in sys.modules:
        from reprise.arithmetic.runtime import configure

        configure("cpu", "portable")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a folder with params and prepared data for the train stage."""
    from train_process import place_in

    return place_in(tmp_path)


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One run from the command line, in an unusual environment: what it wrote, all others must write."""
    from train_process import place_in

    place = place_in(tmp_path_factory.mktemp("real"))
    unusual = {
        "PYTHONHASHSEED": "77", "LC_ALL": "C", "TZ": "Asia/Seoul", "OMP_NUM_THREADS": "4", "MKL_CBWR": "AVX2",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "stages.train", *place.arguments("--workers=1")],
        cwd=place.folder,
        env={
            **os.environ,
            **unusual,
            "PYTHONPATH": str(ROOT),
            "REPRISE_STATE": str(place.folder / "state"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    (place.folder / "log").write_text(done.stdout, encoding="utf-8")
    return place


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty project, which is the current folder."""
    from starting import OLD

    monkeypatch.chdir(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "params.yaml").write_text(OLD)
    (tmp_path / "data" / "raw").mkdir(parents=True)
    return tmp_path
