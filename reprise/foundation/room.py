"""Room for what is going to be made, on disk and in memory: asked for before the work, not after it."""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.system_errors import refusal, shown

_MEMORY_OF_SYSTEM = Path("/proc/meminfo")
_GROUPS = Path("/sys/fs/cgroup")
_GROUP_OF_PROCESS = Path("/proc/self/cgroup")


def in_words(size: int) -> str:
    """Return a number of bytes as people read it: 8.0 GB; decimal units, as disks are sold."""
    amount, unit = float(size), "bytes"
    for larger in ("KB", "MB", "GB", "TB", "PB", "EB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{size} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"


def require_disk(
    folder: Path, size: int = 0, largest: int = 0, *, smaller: str = "", elsewhere: str = ""
) -> None:
    """Refuse a folder that can't take what is going to be written there.

    Parameters
    ----------
    folder : Path
        It need not exist, and is not made: an unfinished run leaves nothing behind.
    size, largest : int
        Bytes of all files, and of the largest one, as far as they are known.
    smaller, elsewhere : str
        What else there is to do: against the size, and against the place.

    Raises
    ------
    UserError, EnvironmentProblem
        If it can't be written, such as a read-only disk's, or there is less room than that.
    """
    place, probe = folder.absolute(), f"probe.tmp-{os.getpid()}"
    try:
        while not place.exists():
            if place.is_symlink():  # to nothing: no folder can be made in its place
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            place = place.parent
        (place / probe).write_bytes(b"written to see whether files can be written here\n")
    except OSError as error:
        error.filename = str(folder)
        refused = refusal(error)
        if refused is None:
            raise
        kind = UserError if refused.exit_code == UserError.exit_code else EnvironmentProblem
        raise kind(refused.line + elsewhere) from None
    finally:
        with suppress(OSError):
            (place / probe).unlink(missing_ok=True)
    total, _, free = shutil.disk_usage(place)
    if total > 0 and free < size:  # some file systems don't tell
        raise EnvironmentProblem(
            f"{shown(folder)}: needs {in_words(size)}, but its disk has {in_words(free)} left; free some"
            f"{smaller}{elsewhere}"
        )
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY and limit < largest:
        raise EnvironmentProblem(
            f"{shown(folder)}: gets a file of {in_words(largest)}, but {in_words(limit)} is the most here; "
            "raise the limit (ulimit -f tells it)"
        )


def require_memory(size: int, what: str, advice: str) -> None:
    """Refuse work that needs more memory than can be had: the system would end the process without a word.

    Parameters
    ----------
    size : int
        Bytes that are certainly needed, at the least.
    what, advice : str
        The beginning and the end of the line.
    """
    available = available_memory()
    if available is not None and size > available:
        raise EnvironmentProblem(
            f"{what} takes at least {in_words(size)} of memory, but {in_words(available)} can be had; "
            f"{advice}"
        )


def available_memory() -> int | None:
    """Return how many bytes this process may still get, swap included; None where that can't be told."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY:
        yield soft
    try:
        lines = _MEMORY_OF_SYSTEM.read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        if "SC_PHYS_PAGES" in os.sysconf_names:
            yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return
    sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    if "MemAvailable" in sizes:
        yield sizes["MemAvailable"] + sizes.get("SwapFree", 0)
    yield from _of_groups()


def _of_groups() -> Iterator[int]:
    """Yield what the process's control groups (version 2), such as a container's, leave it."""
    try:
        name = next(
            line[3:]
            for line in _GROUP_OF_PROCESS.read_text(encoding="utf-8").splitlines()
            if line[:3] == "0::"
        )
    except (OSError, StopIteration):
        return
    group = _GROUPS / name.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(_GROUPS):
            return
        try:
            limit = (folder / "memory.max").read_text(encoding="ascii").strip()
            used = int((folder / "memory.current").read_text(encoding="ascii"))
            statistics = (folder / "memory.stat").read_text(encoding="ascii").split()
        except (OSError, ValueError):  # the topmost group has none
            continue
        if limit != "max":
            reclaimed = dict(zip(statistics[::2], statistics[1::2], strict=False)).get("inactive_file", "0")
            yield max(0, int(limit) - used + int(reclaimed))
