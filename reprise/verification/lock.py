"""What a pipeline's lock file names: the outputs of its stages and what they were made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reprise.foundation.errors import UserError
from reprise.verification.pipelines import Pipeline

Stage = Literal["prepare", "train", "evaluate"]
STAGES: tuple[Stage, ...] = ("prepare", "train", "evaluate")


def outputs(pipeline: Pipeline, root: Path) -> dict[Stage, dict[str, str]]:
    """Return the outputs of each stage that the lock holds, as stage: path from `root`: MD5."""
    project = pipeline.project.relative_to(root)
    return {
        stage: {(project / out["path"]).as_posix(): out["md5"] for out in entry.get("outs", [])}
        for stage, entry in _stages(pipeline).items()
    }


def dependencies(pipeline: Pipeline) -> set[Path]:
    """Return where everything is that the stages were made from, parameter files included; links followed."""
    stages = _stages(pipeline).values()
    names = {dep["path"] for entry in stages for dep in entry.get("deps", [])}
    names |= {name for entry in stages for name in entry.get("params", {})}
    return {(pipeline.project / name).resolve() for name in names}


def _stages(pipeline: Pipeline) -> dict[Stage, dict[str, Any]]:
    if not pipeline.lock.is_file():
        return {}
    try:
        found = YAML(typ="safe", pure=True).load(pipeline.lock.read_text(encoding="utf-8"))["stages"]
        return {stage: found[name] for stage in STAGES if (name := f"{stage}{pipeline.suffix}") in found}
    except (YAMLError, KeyError, TypeError, UnicodeDecodeError):
        raise UserError(f"{pipeline.lock}: can't be read; git checkout brings it back") from None
