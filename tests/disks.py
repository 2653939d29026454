"""Disks that are full or read-only, for processes of their own: mounted where nobody else sees them."""

from __future__ import annotations

import ctypes
import os
import shutil
from pathlib import Path
from typing import Literal

Kind = Literal["full", "read-only"]
NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
SIZE = "256k"
NO_MOUNTS = 77  # exit code of a process that may not mount anything


def spoil(folder: Path, kind: Kind) -> None:
    """Let a folder be a disk without room, or one that can't be written, for this process alone.

    What is in it stays readable. A process that may not do so ends with `NO_MOUNTS`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_MOUNTS) and libc.unshare(NEW_MOUNTS | NEW_USER):
        os._exit(NO_MOUNTS)

    def mount(source: str, target: Path, what: str, flags: int, data: str = "") -> None:
        names = (text.encode() for text in (source, str(target), what))
        if libc.mount(*names, flags, data.encode()):
            os._exit(NO_MOUNTS)

    mount("none", Path("/"), "none", RECURSIVE | PRIVATE)
    if kind == "read-only":
        mount(str(folder), folder, "none", BIND)
        mount(str(folder), folder, "none", BIND | REMOUNT | READ_ONLY)
        return
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept)
    mount("none", folder, "tmpfs", 0, f"size={SIZE}")
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    shutil.rmtree(kept)
    with (folder / "fill").open("wb", buffering=0) as fill:
        try:
            while fill.write(bytes(4096)):
                pass
        except OSError:
            return
