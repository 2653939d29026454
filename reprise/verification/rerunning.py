"""A pipeline's stages run again in a clone: as many of them as this machine has the data and the GPU for."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from reprise.verification import lock
from reprise.verification.pipelines import Pipeline
from reprise.verification.running import DVC, output_of, run

NO_DATA = ("data/raw", "mirror", "missing data 'source'")  # in what stages or DVC say
ORIGINAL = "original"  # the name of the original's cache as a remote


class Rerun(NamedTuple):
    """How far a pipeline could be run again."""

    stages: tuple[lock.Stage, ...]  # that ran
    reason: str = ""  # why no more did
    failed: bool = False  # not for want of data or a GPU


def original_project(pipeline: Pipeline, root: Path, folder: Path) -> Path:
    """Return the original of a clone's DVC project."""
    return root / pipeline.project.relative_to(folder)


def add_original(original: Path, project: Path) -> None:
    """Make the cache of a DVC project the remote of its clone."""
    cache = output_of([*DVC, "cache", "dir"], original).strip()
    output_of([*DVC, "remote", "add", "--force", "--local", ORIGINAL, cache], project)


def reproduce(pipeline: Pipeline, root: Path, folder: Path, cuda: bool | None = None) -> Rerun:
    """Run a pipeline's stages in a clone, those that this machine can run.

    Without the raw data, training and evaluation run on the prepared data that the original's cache has.

    Parameters
    ----------
    pipeline : Pipeline
        Of the clone.
    root, folder : Path
        The original repository and its clone.
    cuda : bool, optional
        Whether a GPU made what is compared; a GPU's bytes are never a CPU's. None: not known.
    """
    if cuda and not _has_cuda():
        rerun = _run_stages(pipeline, ("prepare",), False)
        return rerun if rerun.reason else Rerun(rerun.stages, "made on CUDA; there is no GPU here")
    hidden = cuda is False
    rerun = _run_stages(pipeline, lock.STAGES, hidden)
    if rerun.stages or rerun.failed:
        return rerun
    project = pipeline.project
    add_original(original_project(pipeline, root, folder), project)
    prepared = pipeline.prepared.relative_to(project).as_posix()
    pull = [*DVC, "pull", "--quiet", "--remote", ORIGINAL, prepared]
    if run(pull, project).returncode != 0:
        return rerun
    later = _run_stages(pipeline, lock.STAGES[1:], hidden)
    return later if later.reason else Rerun(later.stages, f"not run: {rerun.reason}")


def _run_stages(pipeline: Pipeline, stages: tuple[lock.Stage, ...], hide_cuda: bool) -> Rerun:
    repro = [*DVC, "repro", "--force", "--no-commit"]
    commands = [[*repro, pipeline.target]]
    if stages != lock.STAGES:
        commands = [[*repro, "--single-item", f"{stage}{pipeline.suffix}"] for stage in stages]
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if hide_cuda else {}
    for command in commands:
        done = run(command, pipeline.project, **hidden)
        if done.returncode != 0:
            reason = _reason(done.stderr) or f"dvc repro failed ({done.returncode})"
            missing = any(word in reason for word in NO_DATA)
            return Rerun((), reason, not missing)
    return Rerun(stages)


def _reason(told: str) -> str:
    """Return the last line of a stage's own; DVC's last one where no stage said anything."""
    lines = [line for line in told.splitlines() if line]
    own = [line for line in lines if not line.startswith("ERROR: ")]
    return (own or lines or [""])[-1].removeprefix("ERROR: ")


def _has_cuda() -> bool:
    import torch  # takes seconds, and only a GPU's result asks for it

    return torch.cuda.is_available()
