"""Verification: run pipelines again in a clean clone and compare every output with a lock or a receipt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file
from reprise.verification import lock
from reprise.verification.pipelines import RECIPES, Pipeline, named_pipelines, pipelines
from reprise.verification.receipt import PipelineResult, files_of
from reprise.verification.rerunning import ORIGINAL, Rerun, add_original, original_project, reproduce
from reprise.verification.running import DVC, output_of

DOWNLOADS = "data/cache"
UNTRACKED = ("data/raw/mnist", "data/raw/fashion_mnist", "data/raw/cifar10", DOWNLOADS)
OTHER_BYTES = "other bytes than in the lock"
Results = Mapping[str, PipelineResult]


class Row(NamedTuple):
    """The verdict on one output: "same", "differs", or why there is none."""

    pipeline: str
    output: str
    verdict: str
    detail: str = ""


def clone(root: Path, folder: Path, commit: str = "HEAD") -> None:
    """Clone a commit of the repository at `root` into `folder`, with an empty cache of its own.

    Downloaded datasets are linked (they are checked by hash) and data that is tracked with ``dvc add`` is
    fetched from the original's cache. Outputs are not: they have to be computed.
    """
    (root / DOWNLOADS).mkdir(parents=True, exist_ok=True)
    output_of(["git", "clone", "--quiet", "--no-hardlinks", "--no-checkout", str(root), str(folder)], root)
    revision = output_of(["git", "rev-parse", commit], root).strip()
    output_of(["git", "checkout", "--quiet", "--detach", revision], folder)
    for name in UNTRACKED:
        original, link = root / name, folder / name
        if original.exists() and not link.exists():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(original.resolve())
    tracked = output_of(["git", "ls-files", "-z", "--", "*.dvc"], folder).split("\0")
    added = [path for path in tracked if path and RECIPES not in Path(path).parents]
    if added:  # what the cache lacks is missed by the stage that reads it, and said there
        add_original(root, folder)
        output_of([*DVC, "pull", "--quiet", "--allow-missing", "--remote", ORIGINAL, *added], folder)


def verify(root: Path, folder: Path, only: list[str], receipt: Results | None = None) -> Iterator[Row]:
    """Run the pipelines in the clone at `folder`; yield a row per output.

    Parameters
    ----------
    root : Path
        The original repository, for its cache.
    folder : Path
        A clone made by `clone`.
    only : list of str
        Names of pipelines; all when empty.
    receipt : mapping, optional
        Pipelines' results to compare with; the committed locks by default.

    Raises
    ------
    UserError
        If a name is unknown or a lock file is missing.
    """
    chosen = named_pipelines(only if receipt is None else only or list(receipt), folder)
    for pipeline in chosen:
        if receipt is None:
            yield from _with_lock(pipeline, root, folder)
        elif pipeline.name in receipt:
            yield from _with_receipt(pipeline, root, folder, receipt[pipeline.name])
        else:
            raise UserError(f"the receipt is not about {pipeline.name}; it is about {', '.join(receipt)}")
    changed = output_of(["git", "status", "--porcelain", "--untracked-files=no"], folder).split("\n")
    locks = {pipeline.lock.relative_to(folder).as_posix() for pipeline in pipelines(folder)}
    for line in changed:
        path = line[3:].strip('"')
        if path and path not in locks:
            yield Row("git", path, "differs", "a tracked file changed")


def _with_lock(pipeline: Pipeline, root: Path, folder: Path) -> Iterator[Row]:
    expected = _expected(pipeline, folder)
    rerun = reproduce(pipeline, root, folder)
    yield from _not_run(pipeline, rerun)
    found = lock.outputs(pipeline, folder)
    for stage in rerun.stages:
        for output, md5 in expected[stage].items():
            if found[stage].get(output) == md5:
                yield Row(pipeline.name, output, "same", md5[:12])
            else:
                yield Row(
                    pipeline.name,
                    output,
                    "differs",
                    _difference(folder / output, md5, original_project(pipeline, root, folder)),
                )


def _with_receipt(pipeline: Pipeline, root: Path, folder: Path, result: PipelineResult) -> Iterator[Row]:
    expected = _expected(pipeline, folder)
    params = pipeline.params.relative_to(folder).as_posix()
    if sha256_file(pipeline.params) != result.params:
        yield Row(pipeline.name, params, "differs", "the commit has other parameters than the receipt")
    rerun = reproduce(pipeline, root, folder, result.arithmetic == "cuda")
    yield from _not_run(pipeline, rerun)
    for stage in rerun.stages:
        found, told = files_of(folder, list(expected[stage])), result.outputs.get(stage, {})
        for path in sorted(found.keys() | told.keys()):
            if found.get(path) == told.get(path):
                yield Row(pipeline.name, path, "same", found[path][:12])
            elif path not in found or path not in told:
                where = "the receipt" if path in told else "this run"
                yield Row(pipeline.name, path, "differs", f"is in {where} alone")
            else:
                detail = _difference(
                    folder / path, expected[stage].get(path, ""), original_project(pipeline, root, folder)
                )
                yield Row(pipeline.name, path, "differs", detail.replace("in the lock", "in the receipt"))


def _expected(pipeline: Pipeline, folder: Path) -> dict[lock.Stage, dict[str, str]]:
    expected = lock.outputs(pipeline, folder)
    if not expected:
        raise UserError(
            f"{pipeline.lock.relative_to(folder)}: no stage of {pipeline.name}; run dvc repro first"
        )
    return expected


def _not_run(pipeline: Pipeline, rerun: Rerun) -> Iterator[Row]:
    if len(rerun.stages) == len(lock.STAGES):
        return
    what = ", ".join(stage for stage in lock.STAGES if stage not in rerun.stages)
    yield Row(pipeline.name, f"({what})", "failed" if rerun.failed else "skipped", rerun.reason)


def _difference(path: Path, md5: str, root: Path) -> str:
    """Say how a file differs from the one that the lock means, when the original's cache has that one."""
    original = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    if path.suffix != ".safetensors" or not original.is_file():
        return OTHER_BYTES
    try:
        old, new = load_file(original), load_file(path)
    except (SafetensorError, OSError):
        return f"{OTHER_BYTES}; not readable as tensors"
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new or old[name].shape != new[name].shape:
            return f"tensor {name}: other shape or missing"
        if old[name].tobytes() != new[name].tobytes():
            gap = np.abs(old[name].astype(np.float64) - new[name].astype(np.float64))
            share = np.count_nonzero(gap) / gap.size
            return f"first in tensor {name}: {share:.1%} of values, by up to {gap.max():.3g}"
    return "equal tensors, other metadata"
