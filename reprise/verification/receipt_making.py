"""Make a receipt of what lies here, after looking whether a commit and the locks say the same."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from reprise.arithmetic.library import chosen_isa
from reprise.foundation import machine
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.files import sha256_file
from reprise.model.card import read_card
from reprise.verification import lock
from reprise.verification.pipelines import Pipeline
from reprise.verification.receipt import Made, PipelineResult, Receipt, Result, files_of
from reprise.verification.running import DVC, output_of, repository

SHOWN = 3


def make_receipt(root: Path, chosen: list[Pipeline], written: set[Path]) -> Receipt:
    """Return the receipt of pipelines whose outputs are here.

    Parameters
    ----------
    root : Path
        The project.
    chosen : list of Pipeline
    written : set of Path
        Where the receipt goes: an older one there is no change.

    Raises
    ------
    UserError
        If the files are not those of a commit, or the outputs not those of the locks: then nothing says what
        was run.
    """
    repository(root)
    refuse_uncommitted(root, chosen, written)
    for pipeline in chosen:
        refuse_outdated(root, pipeline)
    result = Result(
        commit=output_of(["git", "rev-parse", "HEAD"], root).strip(),
        locks={name(root, pipeline): sha256_file(pipeline.lock) for pipeline in chosen},
        pipelines={pipeline.name: _result(root, pipeline) for pipeline in chosen},
    )
    return Receipt(result=result, made=_made(result.pipelines.values()))


def name(root: Path, pipeline: Pipeline) -> str:
    """Return the path of a pipeline's lock file in the project."""
    return pipeline.lock.relative_to(root).as_posix()


def refuse_uncommitted(root: Path, chosen: list[Pipeline], written: set[Path]) -> None:
    """Refuse tracked files that changed, and untracked ones where the stages read."""
    read = {path for pipeline in chosen for path in lock.dependencies(pipeline)}
    read |= {pipeline.lock.resolve() for pipeline in chosen}
    ignored = {path.resolve() for path in written}
    status = output_of(["git", "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all"], root)
    bad = []
    for entry in filter(None, status.split("\0")):
        kind, path = entry[:2], entry[3:]
        place = (root / path).resolve()
        if place not in ignored and (kind != "??" or read & {place, *place.parents}):
            bad.append(path)
    if bad:
        more = f" and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UserError(
            f"receipt: in no commit: {', '.join(bad[:SHOWN])}{more}; a receipt names a commit that holds "
            "what was run: git add and git commit (data: dvc add) first"
        )


def refuse_outdated(root: Path, pipeline: Pipeline) -> None:
    """Refuse outputs that are not here, or are not what the lock says of the files that are here."""
    known = lock.outputs(pipeline, root)
    if set(known) != set(lock.STAGES):
        raise UserError(f"receipt: {name(root, pipeline)} has no run of {pipeline.name}; {pipeline.command}")
    missing = [path for stage in known.values() for path in stage if not (root / path).exists()]
    if missing:
        raise UserError(
            f"receipt: {missing[0]}: not here; dvc checkout, dvc pull or {pipeline.command} brings it"
        )
    told = output_of([*DVC, "status", "--json", "--with-deps", pipeline.target], pipeline.project)
    changed = json.loads(told or "{}")
    if changed:
        stage = sorted(changed)[0]
        raise UserError(
            f"receipt: stage {stage} would run again, so its outputs are not those of the files here; "
            f"{pipeline.command}"
        )


def _result(root: Path, pipeline: Pipeline) -> PipelineResult:
    known = lock.outputs(pipeline, root)
    return PipelineResult(
        arithmetic=read_card(pipeline.model).arithmetic,
        params=sha256_file(pipeline.params),
        outputs={stage: files_of(root, list(known[stage])) for stage in lock.STAGES},
    )


def _made(results: Iterable[PipelineResult]) -> Made:
    gpu = None
    if any(result.arithmetic == "cuda" for result in results):
        gpu = _gpu()
    try:
        isa = chosen_isa()
    except EnvironmentProblem:
        isa = "none"  # native numerics alone
    return Made(
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        system=machine.system(),
        processor=machine.processor(),
        instruction_set=isa,
        gpu=gpu,
        packages=dict(machine.software()),
    )


def _gpu() -> str:
    import torch  # takes seconds, and is needed here alone

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "another machine's GPU"


def is_here(root: Path, pipeline: Pipeline) -> bool:
    """Tell whether all outputs of a pipeline are in this folder."""
    known = lock.outputs(pipeline, root)
    return set(known) == set(lock.STAGES) and all(
        (root / path).exists() for stage in known.values() for path in stage
    )
