"""A long run: the whole MNIST recipe, against the committed lock."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reprise.foundation.files import sha256_file

from . import conftest
from .runs import ROOT, TIMEOUT, environment

RECIPE = "mnist"
LOCK = ROOT / "recipes" / "dvc.lock"


def locked(stage: str) -> dict[str, Any]:
    """Return the outs of a recipe's stage by path, as the committed lock has them."""
    shown = subprocess.run(
        ["git", "show", "HEAD:recipes/dvc.lock"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if shown.returncode:
        pytest.skip("recipes/dvc.lock is not committed")
    stages = YAML(typ="safe", pure=True).load(shown.stdout)["stages"]
    if f"{stage}@{RECIPE}" not in stages:
        pytest.skip(f"recipes/dvc.lock has no {stage}@{RECIPE}")
    return {f"recipes/{out['path']}": out["md5"] for out in stages[f"{stage}@{RECIPE}"]["outs"]}


def md5(path: Path) -> str:
    """Return a file's or a folder's hash as DVC computes it."""
    if path.is_file():
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    entries = [
        {"md5": md5(file), "relpath": file.relative_to(path).as_posix()}
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"


@pytest.mark.proof
def test_ten_epochs_of_mnist(tmp_path: Path) -> None:
    if not (ROOT / "data" / "raw" / RECIPE).is_dir():
        pytest.skip(f"data/raw/{RECIPE} is missing; run dvc repro prepare@{RECIPE} in recipes/")
    expected = {stage: locked(stage) for stage in ("prepare", "train", "evaluate")}
    (tmp_path / "recipes").mkdir()
    shutil.copy(ROOT / f"recipes/{RECIPE}.yaml", tmp_path / "recipes")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw").symlink_to(ROOT / "data" / "raw")
    folders = ["--prepared", f"recipes/data/{RECIPE}"]
    files: list[str] = []
    for stage, outs in expected.items():
        command = [sys.executable, "-m", f"stages.{stage}", "--params", f"recipes/{RECIPE}.yaml", *folders]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True,
            timeout=2 * TIMEOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert {path: md5(tmp_path / path) for path in outs} == outs
        files += outs
        folders += ["--model", f"recipes/models/{RECIPE}", "--metrics", f"recipes/metrics/{RECIPE}"]
        folders = folders[:6]
    weights = next(path for path in files if path.endswith(".safetensors"))
    conftest.note(
        f"10 epochs of MNIST: {len(files)} outputs against recipes/dvc.lock",
        "cnn (mnist)",
        1,
        sha256_file(tmp_path / weights)[:12] + " (weights)",
    )
