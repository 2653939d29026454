"""The lock of a folder: a file beside it that its holder has locked, whatever ends the holder."""

from __future__ import annotations

import fcntl
from pathlib import Path


def lock_path(folder: Path) -> Path:
    """Return the lock file of a folder."""
    return folder.with_name(folder.name + ".lock")


def is_held(folder: Path) -> bool:
    """Return whether a process holds the folder's lock now; the system frees a dead one's."""
    try:
        with lock_path(folder).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is none, or it can't be read
        return False
    return False
