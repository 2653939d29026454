"""What becomes of one of Reprise's files in a project when a newer Reprise comes."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

from reprise.project.manifest import blob_name

NAMES = ("ours", "base", "theirs")


class Fate(NamedTuple):
    """What to do with a file.

    Attributes
    ----------
    kind : str
        ``same``: nothing; ``kept``: as the user has it; ``added``, ``replaced``, ``removed``; ``merged``:
        both sides' changes; ``conflict``: both changed the same lines.
    content : bytes or None
        What to write; None: nothing is written.
    """

    kind: Literal["same", "kept", "added", "replaced", "removed", "merged", "conflict"]
    content: bytes | None = None


def fate(ours: bytes | None, base: str | None, theirs: bytes | None, base_text: bytes | None) -> Fate:
    """Return what becomes of a file.

    Parameters
    ----------
    ours, theirs : bytes or None
        As the project and the newer Reprise have it; None: it has no such file.
    base : str or None
        Git's name of the file as it came; None: it did not come from Reprise.
    base_text : bytes or None
        That content, if it can be had.
    """
    if ours == theirs:
        return Fate("same")
    if theirs is None:
        return Fate("removed") if ours is not None and blob_name(ours) == base else Fate("kept")
    if ours is None:  # new, or deleted by the user
        return Fate("added", theirs) if base is None else Fate("kept")
    if base is not None and blob_name(ours) == base:
        return Fate("replaced", theirs)
    if base is not None and blob_name(theirs) == base:
        return Fate("kept")
    merged = None if base_text is None else merge(ours, base_text, theirs)
    return Fate("conflict") if merged is None else Fate("merged", merged)


def merge(ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
    """Return both sides' changes to a text, as git merges them; None where they touch the same lines."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in NAMES]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        done = subprocess.run(["git", "merge-file", "-p", *paths], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None
