"""What a pipeline's lock file names: the outputs of its stages and what they were made from."""

from __future__ import annotations

from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reprise.foundation.errors import UserError
from reprise.verification.pipelines import Pipeline

Stage = Literal["prepare", "train", "evaluate"]
STAGES: tuple[Stage, ...] = ("prepare", "train", "evaluate")


def outputs(pipeline: Pipeline) -> dict[Stage, dict[str, str]]:
    """Return the outputs of each stage that the lock holds, as stage: path: MD5."""
    return {stage: _md5s(entry.get("outs", [])) for stage, entry in _stages(pipeline).items()}


def dependencies(pipeline: Pipeline) -> set[str]:
    """Return the paths of everything that the stages were made from, parameter files included."""
    stages = _stages(pipeline).values()
    deps = {dep["path"] for entry in stages for dep in entry.get("deps", [])}
    return deps | {name for entry in stages for name in entry.get("params", {})}


def _stages(pipeline: Pipeline) -> dict[Stage, dict[str, Any]]:
    if not pipeline.lock.is_file():
        return {}
    try:
        found = YAML(typ="safe", pure=True).load(pipeline.lock.read_text(encoding="utf-8"))["stages"]
        return {stage: found[name] for stage in STAGES if (name := f"{stage}{pipeline.suffix}") in found}
    except (YAMLError, KeyError, TypeError, UnicodeDecodeError):
        raise UserError(f"{pipeline.lock.name}: can't be read; git checkout brings it back") from None


def _md5s(entries: list[dict[str, str]]) -> dict[str, str]:
    return {entry["path"]: entry["md5"] for entry in entries}
