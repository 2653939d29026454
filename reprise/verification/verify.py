"""Verification: run committed pipelines again in a clean clone and compare every output with the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ruamel.yaml import YAML
from safetensors import SafetensorError
from safetensors.numpy import load_file

from reprise.foundation.errors import UserError
from reprise.verification.pipelines import Pipeline, named_pipelines, pipelines

STAGES = ("prepare", "train", "evaluate")
UNTRACKED = ("data/raw/mnist", "data/raw/fashion_mnist", "data/raw/cifar10", "data/cache")


class Row(NamedTuple):
    """The verdict on one output: "same", "differs", or why there is none."""

    pipeline: str
    output: str
    verdict: str
    detail: str = ""


def clone(root: Path, folder: Path) -> None:
    """Clone HEAD of the repository at `root` into `folder`, with an empty cache of its own.

    Downloaded datasets are linked (they are checked by hash) and data that is tracked with ``dvc add`` is
    fetched from the original's cache. Outputs are not: they have to be computed.
    """
    _run(["git", "clone", "--quiet", "--no-hardlinks", str(root), str(folder)], root)
    for name in UNTRACKED:
        original, link = root / name, folder / name
        if original.exists() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(original.resolve())
    added = [path.relative_to(folder).as_posix() for path in sorted(folder.glob("data/raw/**/*.dvc"))]
    if added:
        cache = _run([*_dvc(), "cache", "dir"], root).strip()
        _run([*_dvc(), "remote", "add", "--local", "original", cache], folder)
        _run([*_dvc(), "pull", "--quiet", "--remote", "original", *added], folder)


def verify(root: Path, folder: Path, only: list[str]) -> Iterator[Row]:
    """Run the pipelines in the clone at `folder`; yield a row per output.

    Parameters
    ----------
    root : Path
        The original repository, for its cache.
    folder : Path
        A clone made by `clone`.
    only : list of str
        Names of pipelines; all when empty.

    Raises
    ------
    UserError
        If a name is unknown or a lock file is missing.
    """
    for pipeline in named_pipelines(only, folder):
        yield from _verify_one(pipeline, root, folder)
    changed = _run(["git", "status", "--porcelain", "--untracked-files=no"], folder).split("\n")
    locks = {pipeline.lock.relative_to(folder).as_posix() for pipeline in pipelines(folder)}
    for line in changed:
        path = line[3:].strip('"')
        if path and path not in locks:
            yield Row("git", path, "differs", "a tracked file changed")


def _verify_one(pipeline: Pipeline, root: Path, folder: Path) -> Iterator[Row]:
    expected = _outputs(pipeline, folder)
    if not expected:
        raise UserError(
            f"{pipeline.lock.relative_to(folder)}: no stage of {pipeline.name}; run dvc repro first"
        )
    command = [*_dvc(), "repro", "--force", "--no-commit", pipeline.target]
    done = subprocess.run(
        command, cwd=pipeline.project, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line and not line.startswith("ERROR")]
        reason = lines[-1] if lines else f"dvc repro failed ({done.returncode})"
        missing = "data/raw" in reason or "mirror" in reason
        yield Row(pipeline.name, pipeline.target, "skipped" if missing else "failed", reason)
        return
    project, found = pipeline.project.relative_to(folder), _outputs(pipeline, folder)
    for output, md5 in expected.items():
        if found.get(output) == md5:
            yield Row(pipeline.name, output, "same", md5[:12])
        else:
            yield Row(pipeline.name, output, "differs", _difference(folder / output, md5, root / project))


def _outputs(pipeline: Pipeline, folder: Path) -> dict[str, str]:
    """Return path: MD5 of the outputs that the lock file holds for a pipeline."""
    if not pipeline.lock.is_file():
        return {}
    content = YAML(typ="safe", pure=True).load(pipeline.lock.read_text(encoding="utf-8"))
    stages: dict[str, Any] = content["stages"]
    names = [f"{stage}{pipeline.suffix}" for stage in STAGES]
    project = pipeline.project.relative_to(folder)
    outs = [out for name in names if name in stages for out in stages[name]["outs"]]
    return {(project / out["path"]).as_posix(): out["md5"] for out in outs}


def _difference(path: Path, md5: str, root: Path) -> str:
    """Say how a file differs from the one that the lock means, when the original's cache has that one."""
    original = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    if path.suffix != ".safetensors" or not original.is_file():
        return "other bytes than in the lock"
    try:
        old, new = load_file(original), load_file(path)
    except (SafetensorError, OSError):
        return "other bytes than in the lock; not readable as tensors"
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new or old[name].shape != new[name].shape:
            return f"tensor {name}: other shape or missing"
        if old[name].tobytes() != new[name].tobytes():
            gap = np.abs(old[name].astype(np.float64) - new[name].astype(np.float64))
            share = np.count_nonzero(gap) / gap.size
            return f"first in tensor {name}: {share:.1%} of values, by up to {gap.max():.3g}"
    return "equal tensors, other metadata"


def _dvc() -> list[str]:
    return [sys.executable, "-m", "dvc"]


def _environment() -> dict[str, str]:
    # `python` in the stages must be the interpreter that runs now, wherever it was started from.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "REPRISE_STATE": ""}


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UserError(f"verify: {' '.join(command[:4])} … failed: {''.join(reason)}")
    return done.stdout
