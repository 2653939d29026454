"""Where a result comes from: its files' hashes, the commit, the commands, the machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import reprise
from reprise.evaluation.files import DETAILS, METRICS, MISTAKES, PREDICTIONS
from reprise.foundation.files import sha256_file
from reprise.foundation.machine import software, system
from reprise.model.card import CARD, WEIGHTS
from reprise.prepared.schema import SCHEMA_FILE
from reprise.report.lock import same_as_here
from reprise.report.results import Results

SHOWN_FILES = 40


class Hash(NamedTuple):
    """A file and what it is identified by."""

    name: str
    digest: str


class LockLine(NamedTuple):
    """An output as DVC's lock names it."""

    stage: str
    path: str
    md5: str
    here: str  # in words: whether the file here is that one


def hashes(results: Results) -> list[tuple[str, list[Hash]]]:
    """Return SHA-256 sums in groups: raw data, prepared data, model, results."""
    places, data = results.places, results.card.data
    model = [places.model / name for name in (CARD, WEIGHTS)]
    made = [places.metrics / name for name in (METRICS, DETAILS, PREDICTIONS, MISTAKES, "history.csv")]
    prepared = [Hash(name, digest) for name, digest in data.files.items()]
    if results.prepared is not None:
        prepared.append(Hash(SCHEMA_FILE, sha256_file(places.prepared / SCHEMA_FILE)))
    groups = [
        ("Raw data", [Hash(name, digest) for name, digest in data.raw.items()]),
        ("Prepared data", prepared),
        ("Parameters", _hashed([places.params])),
        ("Model", _hashed(model)),
        ("Results", _hashed(made)),
    ]
    return [(name, files[:SHOWN_FILES]) for name, files in groups if files]


def _hashed(paths: list[Path]) -> list[Hash]:
    return [Hash(path.as_posix(), sha256_file(path)) for path in paths if path.is_file()]


def locked(results: Results) -> list[LockLine]:
    """Return what the lock names as the stages' outputs, beside what is here."""
    told = {True: "the same here", False: "another file here", None: ""}
    return [LockLine(*entry, told[same_as_here(entry)]) for entry in results.lock.outputs]


def commit() -> str:
    """Return the commit that holds everything in this folder; empty when none does."""
    if _git("status", "--porcelain") != "":  # changes, or no repository
        return ""
    return _git("rev-parse", "HEAD") or ""


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commands(results: Results, revision: str) -> list[str]:
    """Return the commands that make these results again."""
    lines = [f"git checkout {revision}"] if revision else []
    here = Path("requirements.lock").is_file()  # or the project is beside an installed package
    made = ["make env", ". .venv/bin/activate"] if here else [f"pip install reprise=={reprise.__version__}"]
    return [*lines, *made, results.places.command]


def environment() -> Iterator[tuple[str, str]]:
    """Yield what tells this machine and its software from others: nothing of the moment or of paths."""
    yield "system", system()
    yield from software()
