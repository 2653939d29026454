"""Another torch changes nothing: it moves bytes, the kernels compute."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from .cases import RESNET
from .conftest import MODELS, Row
from .runs import ROOT, run_cases

OTHER = {"torch": "2.11.0", "torchvision": "0.26.0"}
# What the stages import besides; a training needs neither dvc nor git.
PACKAGES = ("numpy", "pandas", "pillow", "pydantic", "ruamel-yaml", "safetensors", "scikit-learn", "tqdm")
FOLDER = ROOT / "build" / "other-torch"


def requirements() -> list[str]:
    """Return the other torch, and the rest in this environment's versions."""
    return [
        *(f"{name}=={version}" for name, version in OTHER.items()),
        *(f"{name}=={metadata.version(name)}" for name in PACKAGES),
    ]


@pytest.fixture(scope="module")
def other_python() -> Path:
    """An environment with another torch, made once (about 5 GB)."""
    python = FOLDER / "bin" / "python"
    if not (FOLDER / "complete").is_file():
        uv = [sys.executable, "-m", "uv"]
        for command in (
            [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(FOLDER)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *requirements()],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"another torch can't be installed: {done.stderr.strip()[-200:]}")
        (FOLDER / "complete").touch()
    return python


@pytest.mark.proof
def test_another_torch(reference: Path, other_python: Path, tmp_path: Path) -> None:
    row = Row(f"torch {OTHER['torch']} with torchvision {OTHER['torchvision']}", MODELS, reference)
    row.add(run_cases(tmp_path, launcher=[str(other_python)], extra=kernels_of_this_environment()))


@pytest.mark.proof
def test_another_torch_and_a_resnet(resnet_reference: Path, other_python: Path, tmp_path: Path) -> None:
    row = Row(
        f"torch {OTHER['torch']} with torchvision {OTHER['torchvision']}, ResNet-18",
        "resnet18",
        resnet_reference,
    )
    extra = kernels_of_this_environment()
    row.add(run_cases(tmp_path, RESNET, launcher=[str(other_python)], extra=extra))


def kernels_of_this_environment() -> dict[str, str]:
    """The other environment has no compiler package, and needs none."""
    from reprise.arithmetic.build import FOLDER_VARIABLE, library_folder

    return {FOLDER_VARIABLE: str(library_folder())}
