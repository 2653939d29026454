"""Standard input, output and error: there, able to show any text, and never a reason for a traceback."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path


def prepare_streams() -> None:
    """Give closed streams a stand-in, and let what their encoding has no sign for appear as an escape."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by who started us (>&-)
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 (it stays open)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(*lines: str) -> None:
    """Print lines on standard error, if that takes them."""
    with suppress(OSError):
        for line in lines:
            print(line, file=sys.stderr, flush=True)


def give_up_output() -> None:
    """Send what standard output still holds nowhere, so that Python does not try again as it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
