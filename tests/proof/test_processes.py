"""Thread settings, workers and processes change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import CASES, SHORT, Section, digest, first_difference, with_changes
from .conftest import MODELS, Row
from .runs import run_cases, torchrun

SETTINGS = {
    "1": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "2": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "4": {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "4", "OMP_DYNAMIC": "TRUE"},
    "unset": {},
    "hostile": {
        "MKL_CBWR": "AUTO", "ONEDNN_MAX_CPU_ISA": "ALL", "ATEN_CPU_CAPABILITY": "avx512",
        "MKL_DYNAMIC": "TRUE", "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
        "OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "2",
    },
}  # fmt: skip


@pytest.mark.proof
def test_two_runs(reference: Path, tmp_path: Path) -> None:
    Row("a second run", MODELS, reference).add(run_cases(tmp_path, workers=1))


def test_workers_in_short(short_reference: Path, tmp_path: Path) -> None:
    Row("workers 3 (in short)", "cnn_norm", short_reference).add(run_cases(tmp_path, SHORT, workers=3))


@pytest.mark.proof
def test_thread_settings(reference: Path, tmp_path: Path) -> None:
    row = Row("OMP and MKL threads 1, 2, 4, unset; other settings turned against us", MODELS, reference)
    for name, extra in SETTINGS.items():
        row.add(run_cases(tmp_path / name, extra=extra))


@pytest.mark.proof
def test_torch_loaded_before(reference: Path, tmp_path: Path) -> None:
    """Its threads have started by then."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "usercustomize.py").write_text("")
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import os, sys\nif os.environ.pop('EARLY', None):\n    import torch\n    torch.ones(2) + 1\n"
    )
    extra = {"PYTHONPATH": f"{tmp_path / 'site'}", "EARLY": "1", "OMP_NUM_THREADS": "2"}
    row = Row("torch loaded and used before", MODELS, reference)
    row.add(run_cases(tmp_path / "run", extra=extra))


@pytest.mark.proof
def test_workers(reference: Path, tmp_path: Path) -> None:
    row = Row("workers 1, 2, 3, 4", MODELS, reference)
    for workers in (1, 2, 3, 4):
        row.add(run_cases(tmp_path / str(workers), workers=workers))


def in_processes(folder: Path, cases: dict[str, Section], world: int) -> Path:
    """Train with `world` processes; one start for each case, as a process joins one group only."""
    run_cases(folder, cases, stages="prepare")
    for name, case in cases.items():
        run_cases(folder, {name: case}, stages="train,evaluate", launcher=torchrun(world))
    return folder


def test_two_processes_in_short(short_reference: Path, tmp_path: Path) -> None:
    Row("torchrun, 2 processes (in short)", "cnn_norm", short_reference).add(in_processes(tmp_path, SHORT, 2))


@pytest.mark.proof
def test_world_sizes(reference: Path, tmp_path: Path) -> None:
    row = Row("torchrun, 1, 2, 3, 4 processes (gloo), 4 slices", MODELS, reference)
    for world in (1, 2, 3, 4):
        row.add(in_processes(tmp_path / str(world), CASES, world))


@pytest.mark.proof
def test_slices_that_no_world_divides(tmp_path: Path) -> None:
    cases = {name: with_changes(case, {"train": {"slices": 5}}) for name, case in CASES.items()}
    one = run_cases(tmp_path / "one", cases, workers=1)
    row = Row("5 slices: workers 4, torchrun 2 and 4", MODELS, one)
    row.add(run_cases(tmp_path / "four", cases, workers=4))
    for world in (2, 4):
        row.add(in_processes(tmp_path / f"world{world}", cases, world))


def test_a_changed_slice_count_shows(short_reference: Path, tmp_path: Path) -> None:
    """Were the hash blind, nothing here would prove anything: slices are a parameter and change bytes."""
    changed = {name: with_changes(case, {"train": {"slices": 2}}) for name, case in SHORT.items()}
    run_cases(tmp_path, changed)
    assert digest(tmp_path) != digest(short_reference)
    assert "model.safetensors: " in first_difference(short_reference, tmp_path)
