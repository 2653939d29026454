"""Runs side by side in processes of their own, which a signal stops and the next call continues."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from reprise.foundation.errors import EnvironmentProblem, Interrupted, RepriseError, UserError
from reprise.prepared.schema import SCHEMA_FILE
from reprise.spread.runs import Run
from reprise.training.signals import StopRequest, stop_on_signals

POLL = 0.2  # seconds between looks for a signal
ENDED = {2: UserError, 3: EnvironmentProblem}
# Each process computes on one core; what libraries do with threads of theirs only gets in the others' way.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Stopped(Exception):
    """A process was not started, or its end doesn't matter, because all are being stopped."""


class Processes:
    """The processes that run now."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()
        self._stopping = False

    def call(self, command: Sequence[str], folder: Path) -> int:
        """Run a command to its end; what it prints goes to ``log`` and ``errors`` in `folder`.

        Returns
        -------
        int
            The exit code; negative: the signal that ended it.

        Raises
        ------
        Stopped
            If `stop` was called before its end.
        """
        with (folder / "log").open("ab") as log, (folder / "errors").open("wb") as errors:
            with self._lock:
                if self._stopping:
                    raise Stopped
                # In a session of its own Ctrl-C doesn't reach it: it is told once, by us.
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=errors,
                    env={**os.environ, **ONE_THREAD}, start_new_session=True,
                )  # fmt: skip
                self._running.add(process)
            code = process.wait()
        with self._lock:
            self._running.discard(process)
            if self._stopping and code != 0:
                raise Stopped
        return code

    def stop(self) -> None:
        """Ask all to save their state and end, and start no more."""
        with self._lock:
            self._stopping = True
            for process in self._running:
                process.terminate()


def run_all(runs: Sequence[Run], jobs: int, device: str, what: str, tell: Callable[[Run], None]) -> None:
    """Carry out the runs that are not finished.

    Parameters
    ----------
    runs : sequence of Run
    jobs : int
        Processes at a time.
    device : str
    what : str
        What a run is called: seed or fold.
    tell : callable
        Told of each run that has finished.

    Raises
    ------
    RepriseError
        The first failure of a run, with its exit code; the others are stopped and keep their states.
    Interrupted
        If a signal came.
    """
    left = [run for run in runs if not run.finished]
    processes = Processes()
    with (
        alone(runs[0].folder.parent, f"{what}s", "seeds or folds"),
        stop_on_signals() as stop,
        ThreadPoolExecutor(jobs) as pool,
    ):
        try:
            for run in left:
                run.folder.mkdir(parents=True, exist_ok=True)
                run.write_order(device)
            if left and left[0].fold is None:  # all share their prepared data: it is made first
                _each({pool.submit(_prepare, left[0], processes, what): left[0]}, stop, what, _nothing)
            _each({pool.submit(_carry_out, run, processes, what): run for run in left}, stop, what, tell)
        except BaseException:
            processes.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for run in left:
        shutil.rmtree(run.prepared, ignore_errors=True)


def _each(
    waiting: dict[Future[None], Run], stop: StopRequest, what: str, tell: Callable[[Run], None]
) -> None:
    """Wait for all, and tell of each as it comes."""
    while waiting:
        done, _ = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
        if stop.requested:
            raise Interrupted(
                stop.signal,
                f"{what}s: stopped; what is done is kept, and the same command goes on",
            )
        for future in done:
            future.result()
            tell(waiting.pop(future))


def _nothing(_run: Run) -> None:
    """Tell nothing."""


def _carry_out(run: Run, processes: Processes, what: str) -> None:
    _prepare(run, processes, what)
    _work(run, [], processes, what)


def _prepare(run: Run, processes: Processes, what: str) -> None:
    if (run.prepared / SCHEMA_FILE).exists():
        return
    for unfinished in run.prepared.parent.glob("*.tmp-*"):  # of a process that was killed
        shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink()
    run.prepared.parent.mkdir(parents=True, exist_ok=True)
    _work(run, ["--prepare"], processes, what)


def _work(run: Run, options: Sequence[str], processes: Processes, what: str) -> None:
    code = processes.call(
        [sys.executable, "-m", "reprise.spread.work", str(run.folder), *options], run.folder
    )
    if code != 0:
        raise failure(f"{what} {run.name}", code, run.folder / "errors")


def failure(who: str, code: int, errors: Path) -> RepriseError:
    """Return what a process's end means.

    Parameters
    ----------
    who : str
        What the process did, such as ``seed 3``.
    code : int
        Its exit code, not 0.
    errors : Path
        The file with what it printed on standard error.
    """
    lines = errors.read_text(encoding="utf-8", errors="replace").splitlines()
    if code in ENDED:
        return ENDED[code](*(f"{who}: {line}" for line in lines))
    if code < 0 or code > 128:  # as the system tells it, or as the training's exit code does
        number = -code if code < 0 else code - 128
        return RepriseError(
            f"{who}: ended by signal {number}, its state is kept; out of memory? use fewer --jobs"
        )
    return RepriseError(f"{who}: failed ({code}); see {errors}", *lines[-1:])


@contextmanager
def alone(root: Path, who: str, work: str) -> Iterator[None]:
    """Hold the lock under which one command at a time works below `root`.

    Parameters
    ----------
    root : Path
    who : str
        The command, for the message.
    work : str
        What another process may be at.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise EnvironmentProblem(
                f"{who}: process {lock.read().strip()} is at work on {work} here; wait for it, or "
                "end it (its state is kept)"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
