"""Another architecture and another torch change nothing: whole pipelines on an emulated ARM64 machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from image_files import content_of, folder_of, pixels

from reprise.arithmetic.build import FOLDER_VARIABLE
from reprise.foundation.download import CACHE
from reprise.foundation.files import write_bytes
from reprise.model import published

from .cases import CASES, Section, with_changes
from .conftest import Row
from .runs import ROOT, run_cases

sys.path.insert(0, str(ROOT / "tools"))
import arm64

SAME = ("mlp", "cnn", "cnn_norm")
_SPLIT = {"method": "shuffle", "test": 0.2, "val": 0.1}
SOLVED: Section = {"model": {"kind": "linear"}, "train": {"optimizer": "exact", "weight_decay": "auto"}}
# Files that pandas and Pillow read, and a ResNet with rows so few that an emulator gets through.
FILES: dict[str, Section] = {
    "table": {
        "prepare": {"dataset": "csv", "normalise": "feature", "scale_target": True, "split": _SPLIT},
        "model": {"kind": "mlp", "mlp": {"hidden": [32], "activation": "gelu"}},
        "train": {"seed": 3, "epochs": 2, "batch_size": 32, "slices": 2, "optimizer": "adam", "lr": 0.002},
        "evaluate": {"confidence": 0.95},
    },
    "ensemble": {
        "prepare": {"dataset": "csv", "normalise": "feature", "scale_target": True, "split": _SPLIT},
        "model": {"kind": "tabm", "tabm": {"members": 3, "hidden": [16, 8]}},
        "train": {"seed": 3, "epochs": 2, "batch_size": 32, "slices": 2, "optimizer": "adamw", "lr": 0.003},
        "evaluate": {"confidence": 0.95},
    },
    "images": {
        "prepare": {"dataset": "images", "normalise": "global", "split": _SPLIT},
        "model": {"kind": "resnet18"},
        "train": {"seed": 3, "epochs": 1, "batch_size": 32, "slices": 2, "optimizer": "adamw", "lr": 0.001},
        "evaluate": {"confidence": 0.95},
    },
    "pretrained": {
        "prepare": {"dataset": "images", "normalise": "none", "split": {"method": "shuffle", "val": 0.0}},
        "model": {"kind": "pretrained"},
        "train": {"seed": 3, "optimizer": "exact", "weight_decay": "auto"},
        "evaluate": {"confidence": 0.95},
    },
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process on the emulated machine, with kernels that were compiled for it here."""
    try:
        arm64.prepare(arm64.DEFAULT)
    except arm64.Unavailable as problem:
        pytest.skip(str(problem))
    kernels = tmp_path_factory.mktemp("kernels")
    target = ["--target", "aarch64-linux", "--folder", str(kernels)]
    subprocess.run([sys.executable, "-m", "reprise.arithmetic.build", *target], cwd=ROOT, check=True)
    return arm64.environment(arm64.DEFAULT) | {FOLDER_VARIABLE: str(kernels)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project's folder with a table and images."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "table.csv").write_text(table(400), encoding="utf-8", newline="")
    for number in range(80):
        place = folder / "images" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        content = content_of(pixels(number, 24 + number % 9, 20), ("JPEG", "PNG")[number // 2 % 2])
        (place / f"{number}.image").write_bytes(content)
    folder_of(
        folder / "few", {"cat": 5, "dog": 5}, 40
    )  # a backbone's size takes the emulator seconds a picture
    write_bytes(folder / CACHE / published.FOLDER / published.STORED, published.stored_lite0())
    return folder


@pytest.fixture(scope="module")
def cases() -> dict[str, Section]:
    """Three of the usual trainings, three on files, a linear model and a pretrained one's head, solved."""
    csv = {"path": "table.csv", "target": "y"}
    images = {"path": "images", "pixels": 8, "mode": "rgb"}
    return {
        **{name: CASES[name] for name in SAME},
        **{name: with_changes(FILES[name], {"prepare": {"csv": csv}}) for name in ("table", "ensemble")},
        "solved": with_changes(FILES["table"], {"prepare": {"csv": csv}}, SOLVED),
        "images": with_changes(FILES["images"], {"prepare": {"images": images}}),
        "pretrained": with_changes(
            FILES["pretrained"], {"prepare": {"images": {"path": "few", "pixels": 224}}}
        ),
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, cases: dict[str, Section], files: Path) -> Path:
    return run_cases(tmp_path_factory.mktemp("here"), cases, cwd=files)


# One has NEON, as all do; the other SVE too, by which NumPy and torch choose other code.
@pytest.mark.proof
@pytest.mark.parametrize("cpu", ["neoverse-n1", "max"])
def test_emulated_arm64(
    machine: dict[str, str], cases: dict[str, Section], files: Path, here: Path, tmp_path: Path, cpu: str
) -> None:
    row = Row(f"emulated ARM64, {cpu} (qemu; torch {arm64.TORCH_VERSION})", ", ".join(cases), here)
    launcher = arm64.command(arm64.DEFAULT, cpu)
    row.add(run_cases(tmp_path, cases, launcher=launcher, extra=machine, cwd=files))


def table(rows: int) -> str:
    """Return a table with every kind of column, missing cells and quoted line ends."""
    random = np.random.default_rng(5)
    lines = ["age,income,city,member,day,free,y"]
    for number in range(rows):
        age = "?" if number % 17 == 3 else str(random.integers(18, 90))
        income = f'"{random.integers(1000, 9_000_000):,}"' if number % 2 else f"{random.normal():.17g}"
        city = ["서울", "Busan", '"Jeju\nisland"', "", "NA"][random.integers(0, 5)]
        day = f"20{random.integers(10, 24)}-{random.integers(1, 13):02d}-{random.integers(1, 29):02d}"
        free, y = random.integers(0, 60), random.normal() * 1000
        lines.append(f"{age},{income},{city},{['yes', 'NO'][number // 3 % 2]},{day},word {free},{y:.3f}")
    return "\n".join(lines) + "\n"
