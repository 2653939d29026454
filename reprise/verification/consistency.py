"""The cheap check of the locks: would ``dvc repro`` run anything that is not merely missing here?

It needs no data and runs no stage. A lock that is consistent can still hold wrong hashes: only running the
stages again shows that (`reprise.verification.verify`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from reprise.foundation.errors import RepriseError
from reprise.verification.pipelines import pipelines
from reprise.verification.running import DVC, run

MISSING = ("deleted", "not in cache")  # DVC's words for files that a fresh clone lacks
WOULD_RUN = re.compile(r"(?:Running stage|failed to reproduce) '([^']+)'")


def locks(root: Path) -> list[Path]:
    """Return the lock files of the committed pipelines, the main one first."""
    return list(dict.fromkeys(pipeline.lock for pipeline in pipelines(root)))


def problems(lock: Path) -> list[str]:
    """Return why stages of a lock file would run again, a line each; none if it is consistent.

    Raises
    ------
    RepriseError
        If DVC can't read the pipeline.
    """
    if not lock.is_file():
        return [f"{lock}: no such file, so all stages would run"]
    done = run([*DVC, "repro", "--dry", "--allow-missing", "dvc.yaml"], lock.parent)
    stages = WOULD_RUN.findall(done.stdout + done.stderr)
    if done.returncode == 0 and not stages:
        return []
    status = run([*DVC, "status", "--json", "dvc.yaml"], lock.parent)
    if status.returncode != 0:
        lines = (status.stderr or status.stdout).strip().splitlines() or ["dvc status failed"]
        raise RepriseError(f"{lock}: can't be checked: dvc status says: {lines[0].removeprefix('ERROR: ')}")
    found: dict[str, list[Any]] = json.loads(status.stdout)
    told = [
        f"{lock}: {stage} would run again: {', '.join(reasons)}"
        for stage, changes in found.items()
        if (reasons := _reasons(changes))
    ]
    # With nothing changed, the hash of an output and that of the input it is have to differ.
    stage = stages[0] if stages else "a stage"
    return told or [f"{lock}: {stage} would run again: its inputs are not what the stages before it gave"]


def _reasons(changes: list[Any]) -> list[str]:
    """Return what changed of a stage, as ``dvc status`` has it, without what is only missing."""
    reasons = []
    for change in changes:
        if not isinstance(change, dict):
            reasons.append(str(change))  # such as "changed command"
            continue
        for paths in change.values():
            for path, state in paths.items():
                if isinstance(state, dict):  # parameters
                    reasons += [f"{key} of {path} {what}" for key, what in state.items()]
                elif state not in MISSING:
                    reasons.append(f"{path} {state}")
    return reasons
