"""Processes that start in milliseconds: forked from a server that has loaded torch and the training already.

They are real processes, with signals, kill -9 and locks of their own; only the seconds of importing torch
are paid once for the whole test session.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

_server: ForkServerContext = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["reprise.training.run", "stages.train", "tiny"])


def start(
    work: Callable[..., Any], *arguments: Any, log: Path | None = None, **environment: str
) -> ForkServerProcess:
    """Start ``work(*arguments)``, a function of a test module, in a process with these variables set.

    Parameters
    ----------
    log : Path, optional
        Gets its standard output and standard error.
    """
    process = _server.Process(target=_run, args=(work, arguments, log, environment), daemon=True)
    process.start()
    return process


def _run(
    work: Callable[..., Any], arguments: tuple[Any, ...], log: Path | None, environment: dict[str, str]
) -> None:
    os.environ.update(environment)
    if log is not None:
        with log.open("ab") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
    work(*arguments)
