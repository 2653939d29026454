"""Where the states of unfinished work are kept, and how one is named after all that decides it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reprise.foundation.files import sha256_file
from reprise.foundation.workspace import main_root

STATE_VARIABLE = "REPRISE_STATE"


def fingerprint(settings: Any, files: Iterable[Path], versions: Mapping[str, str]) -> str:
    """Return a SHA-256 over a stage's parameters, the bytes of its dependencies and its packages.

    Parameters
    ----------
    settings : JSON value
    files : iterable of Path
        Data and code. Only names and contents count, not the folder: a copy of the project resumes too.
    versions : mapping
        Package name: version.
    """
    contents = sorted((path.name, sha256_file(path)) for path in files)
    text = json.dumps([settings, contents, dict(versions)], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def state_root(start: Path | None = None) -> Path:
    """Return the folder of all states: `.state` at the main repository root, or ``$REPRISE_STATE``."""
    if os.environ.get(STATE_VARIABLE):
        return Path(os.environ[STATE_VARIABLE])
    return main_root(start) / ".state"
