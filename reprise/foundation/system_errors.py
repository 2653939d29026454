"""What the system refuses, in one line: a full disk, a read-only folder, more memory than there is.

Python's own errors for these are told where a command ends (`reprise.foundation.errors.exit_with`), so that
who writes a file need not catch anything.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import NamedTuple

WRONG_INPUT, WRONG_ENVIRONMENT = 2, 3  # exit codes
AGAIN = "then run the same command again"


class Refusal(NamedTuple):
    """The exit code and the line that a user sees."""

    exit_code: int
    line: str


# What each number means: exit code, what was found, what to do.
_REASONS: dict[int, tuple[int, str, str]] = {
    errno.ENOSPC: (WRONG_ENVIRONMENT, "no space left on its disk", f"free some, {AGAIN}"),
    errno.EDQUOT: (WRONG_ENVIRONMENT, "your quota on its disk is used up", f"free some, {AGAIN}"),
    errno.EFBIG: (
        WRONG_ENVIRONMENT, "would be larger than files may be here",
        f"raise the limit (ulimit -f tells it), {AGAIN}",
    ),
    errno.EROFS: (WRONG_ENVIRONMENT, "is on a read-only disk", f"make that writable, {AGAIN}"),
    errno.EACCES: (
        WRONG_ENVIRONMENT, "you have no permission", f"change its owner or mode (ls -ld tells them), {AGAIN}"
    ),
    errno.EPERM: (
        WRONG_ENVIRONMENT, "the system does not permit it",
        f"look at its owner, mode and attributes (ls -ld, lsattr), {AGAIN}",
    ),
    errno.EIO: (WRONG_ENVIRONMENT, "its disk failed (input/output error)", "look at the system's log"),
    errno.EBUSY: (
        WRONG_ENVIRONMENT, "is in use, or a disk is mounted there", f"mount that one folder above, {AGAIN}"
    ),
    errno.EMFILE: (
        WRONG_ENVIRONMENT, "too many files are open",
        f"raise the limit (ulimit -n tells it) or use fewer --workers, {AGAIN}",
    ),
    errno.ENFILE: (WRONG_ENVIRONMENT, "the system has too many open files", f"end other programs, {AGAIN}"),
    errno.ENOMEM: (WRONG_ENVIRONMENT, "no memory is left", f"end other programs, {AGAIN}"),
    errno.ENOTDIR: (WRONG_INPUT, "a file stands where a folder is needed", "move it away"),
    errno.EEXIST: (WRONG_INPUT, "a file or a dead link stands where a folder is needed", "move it away"),
    errno.EISDIR: (WRONG_INPUT, "is a folder, where a file is needed", "name another"),
    errno.ENAMETOOLONG: (WRONG_INPUT, "the name is too long", "choose a shorter one"),
    errno.ELOOP: (WRONG_INPUT, "its links go round in circles", "remove one of them"),
}  # fmt: skip
# A file is written under this name beside its own (`reprise.foundation.files.replacing`), which a user knows.
_TEMPORARY = re.compile(r"\.tmp-(?:old-)?\d+")
STANDARD_OUTPUT = "standard output"  # what has no name is no file: those who write files name them
# Torch's own words on a CPU, on CUDA, and for a size of more than 64 bits; the loader's for a large library.
_NO_MEMORY = re.compile(
    "can't allocate memory|out of memory|size calculation overflowed|failed to map segment"
)


def refusal(error: BaseException) -> Refusal | None:
    """Return how an error of the system is told; None: it is another error, perhaps a bug."""
    if isinstance(error, OSError) and error.errno in _REASONS:
        code, found, advice = _REASONS[error.errno]
        return Refusal(code, f"{_place(error)}: {found}; {advice}")
    if isinstance(error, FileNotFoundError) and _TEMPORARY.search(str(error.filename)):
        return Refusal(WRONG_INPUT, f"{_place(error)}: no file can be made there; name another")
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError | ImportError) and _NO_MEMORY.search(str(error))
    ):
        return Refusal(
            WRONG_ENVIRONMENT,
            f"out of memory{_detail(error)}; use a smaller model, smaller batches or fewer --workers, or end "
            "other programs",
        )
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return Refusal(
            WRONG_ENVIRONMENT,
            "the system starts no more threads; use fewer --workers or raise the limit (ulimit -u)",
        )
    return None


def _place(error: OSError) -> str:
    name = error.filename
    if name is None or isinstance(name, int):
        return STANDARD_OUTPUT
    return shown(_TEMPORARY.sub("", os.fsdecode(name)))


def shown(path: str | os.PathLike[str]) -> str:
    """Return a path as it is told: from the current folder on, if it is in there."""
    told, here = Path(path), Path.cwd()
    return str(told.relative_to(here) if told.is_relative_to(here) else told)


def _detail(error: BaseException) -> str:
    """Return what was asked for, where the error tells it."""
    asked = re.search(r"allocate ([\d.,]+ ?(?:[KMGTPE]i?B|bytes))", str(error))
    return f": {asked[1]} could not be had" if asked else ""
