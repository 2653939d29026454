"""The hashes that DVC's lock names for a pipeline, beside those of the files that are here."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reprise.evaluation.files import METRICS
from reprise.model.card import CARD, WEIGHTS
from reprise.verification.pipelines import Pipeline

STAGES = ("prepare", "train", "evaluate")


class Entry(NamedTuple):
    """A file or folder (``.dir``) and its MD5."""

    stage: str
    path: str
    md5: str


class Locked(NamedTuple):
    """What the lock says of a pipeline's stages; nothing where there is no lock."""

    outputs: list[Entry]
    judged: list[Entry]  # what the evaluate stage read


def read_lock(places: Pipeline, lock: Path | None = None) -> Locked:
    """Return a pipeline's entries, in its own lock or in another version of it.

    A lock that can't be read counts as none: it is DVC's own matter.
    """
    try:
        content = YAML(typ="safe", pure=True).load((lock or places.lock).read_text(encoding="utf-8"))
        stages = content["stages"]
        named = {stage: stages[f"{stage}{places.suffix}"] for stage in STAGES}
        outputs = [_entry(stage, out, places) for stage, entry in named.items() for out in entry["outs"]]
        judged = [_entry("evaluate", dep, places) for dep in named["evaluate"]["deps"]]
    except (OSError, YAMLError, KeyError, TypeError):
        return Locked([], [])
    return Locked(outputs, judged)


def _entry(stage: str, item: dict[str, str], places: Pipeline) -> Entry:
    return Entry(stage, (places.project / item["path"]).as_posix(), item["md5"])


def made_from_another_model(places: Pipeline, lock: Locked) -> bool:
    """Tell whether the lock proves that the metrics here are another model's than the one here."""
    metrics = (places.metrics / METRICS).as_posix()
    if not any(entry.path == metrics and entry.md5 == _md5(Path(metrics)) for entry in lock.outputs):
        return False  # the lock speaks of other metrics
    model = {(places.model / name).as_posix() for name in (CARD, WEIGHTS)}
    return any(entry.path in model and entry.md5 != _md5(Path(entry.path)) for entry in lock.judged)


def same_as_here(entry: Entry) -> bool | None:
    """Tell whether a file here is what the lock names; None for a folder or where there is no such file."""
    path = Path(entry.path)
    return entry.md5 == _md5(path) if path.is_file() else None


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
