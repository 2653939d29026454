"""The trials of a search side by side, in processes that stay."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from reprise.foundation.errors import Interrupted, UserError
from reprise.foundation.files import write_json
from reprise.foundation.states import STATE_VARIABLE, state_root
from reprise.foundation.workers import cores
from reprise.own.code import FOLDER as OWN
from reprise.spread.side_by_side import ONE_THREAD, POLL, failure
from reprise.training.signals import stop_on_signals
from reprise.tuning.experiments import MAIN, PREPARED, SETUP, Snapshot, copy_project, snapshot
from reprise.tuning.search import Search
from reprise.tuning.storage import HEARTBEAT
from reprise.tuning.study import EXPERIMENT, FIGURES, SAME, WHY, Study, Trial

COPIES = Path(".dvc/tmp/exps")  # where DVC has the copies that its experiments run in
MOST_REFUSED = 5  # trials one after the other, before any was trained: then the space is at fault
WAIT = 30.0  # seconds for workers to save their states


class Worker:
    """A process that trains, and its copy of the project.

    Parameters
    ----------
    folder : Path
        Of the copy.
    threads : int
        That a training of its own may use.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.errors = folder.with_suffix(".log")
        state = str(state_root().absolute())  # where the trainings' states are found again
        with self.errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reprise.tuning.work", str(folder)], encoding="utf-8",
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
                env={**os.environ, **dict.fromkeys(ONE_THREAD, str(threads)), STATE_VARIABLE: state},
            )  # fmt: skip

    def tell(self, **what: Any) -> None:
        """Say something; a process that has ended is noticed when it is heard."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()

    def hear(self) -> dict[str, Any] | None:
        """Wait for what it has to say; None: it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return dict(json.loads(line)) if line.endswith("\n") else None

    def ended(self) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ask it to save its state and end."""
        self._process.terminate()

    def close(self) -> None:
        """Say that there is nothing more to do, and see that it ends."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@dataclass
class Trials:
    """Carries trials out.

    Attributes
    ----------
    search : Search
    study : Study
    most : int
        Trials of the study.
    tell : callable
        Told of each that has ended, as a line.
    """

    search: Search
    study: Study
    most: int
    tell: Callable[[str], None]

    def run(self, jobs: int, timeout: float | None) -> None:
        """Carry out what is left of the trials, `jobs` at a time.

        Raises
        ------
        Interrupted
            If a signal came; the states are kept.
        RepriseError
            If a worker fails.
        """
        # Below COPIES it is known for a copy, and downloads of this project are found.
        folder = (
            COPIES if COPIES.parents[1].is_dir() else self.search.folder
        ) / f"tune-{self.search.name[:6]}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        project = snapshot(folder) if self.search.file == MAIN else None
        self._named = project is not None
        threads = max(1, cores() // jobs)
        places = [folder / str(number) for number in range(jobs)]
        for place in places:
            self._furnish(place, project, threads)
        self._stopping, self._refused, self._trained = Event(), 0, 0
        with stop_on_signals() as stop:
            workers = [Worker(place, threads) for place in places]
            with ThreadPoolExecutor(jobs) as pool:
                waiting = {pool.submit(self._serve, worker) for worker in workers}
                began, beat = time.monotonic(), time.monotonic()
                try:
                    while waiting:
                        done, waiting = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
                        for future in done:
                            future.result()
                        if stop.requested:
                            raise Interrupted(
                                stop.signal,
                                "tune: stopped; what is done is kept, and the same command goes on",
                            )
                        now = time.monotonic()
                        if timeout is not None and now - began >= timeout and not self._stopping.is_set():
                            self._stop(workers)
                        if now - beat >= HEARTBEAT:
                            self.study.alive()
                            beat = now
                finally:
                    self._stop(workers)
                    for worker in workers:
                        worker.close()
        shutil.rmtree(folder, ignore_errors=True)

    def _furnish(self, place: Path, project: Snapshot | None, threads: int) -> None:
        """Make a worker's folder."""
        if project is not None:
            copy_project(project, place, self.search.prepared)
        else:
            (place / PREPARED.parent).mkdir(parents=True)
            (place / PREPARED).symlink_to(self.search.prepared.absolute())
            (place / OWN).symlink_to(OWN.absolute())
        setup = {
            "project": project, "device": self.search.device, "threads": threads,
            "objective": self.search.objective,
        }  # fmt: skip
        write_json(place / SETUP, setup)

    def _stop(self, workers: list[Worker]) -> None:
        self._stopping.set()
        for worker in workers:
            worker.stop()

    def _serve(self, worker: Worker) -> None:
        """Give a worker one trial after another."""
        while not self._stopping.is_set() and (trial := self.study.next(self.most)) is not None:
            if (twin := self.study.twin(trial)) is not None:
                about = {
                    name: twin.user_attrs[name] for name in (FIGURES, EXPERIMENT) if name in twin.user_attrs
                }
                self.study.finish(trial, twin.value, **about, **{SAME: twin.number})
                self.tell(f"trial {trial.number}: has the values of trial {twin.number}")
                continue
            try:
                text = self.search.text_of(trial.drawn)
            except UserError as error:
                self._refuse(trial, error.problems[0])
                continue
            experiment = f"tune-{self.search.name[:6]}-{trial.number}"
            worker.tell(params=text, experiment=experiment)
            if not self._follow(worker, trial, experiment):
                code = worker.ended()
                if self._stopping.is_set():
                    return
                raise failure(f"trial {trial.number}", code, worker.errors)

    def _follow(self, worker: Worker, trial: Trial, experiment: str) -> bool:
        """Answer a worker until its trial is done; return whether it came to that."""
        epoch = 0
        while (said := worker.hear()) is not None:
            if "epoch" in said:
                epoch = said["epoch"]
                worker.tell(go_on=self.study.goes_on(trial, epoch, said["value"]))
                continue
            self._trained += 1
            if "figures" in said:
                value, about = said["figures"][self.search.objective], {FIGURES: said["figures"]}
                if self._named:
                    about[EXPERIMENT] = experiment
                self.study.finish(trial, value, **about)
                self.tell(f"trial {trial.number}: {self.search.objective} {value:.4f}")
            elif "pruned" in said:
                self.study.finish(trial, None)
                self.tell(f"trial {trial.number}: pruned in epoch {epoch}")
            else:
                self._trained -= 1
                self._refuse(trial, said["refused"])
            return True
        return False

    def _refuse(self, trial: Trial, why: str) -> None:
        """Take note of a trial whose parameters can't be trained with.

        Raises
        ------
        UserError
            If that is so of all.
        """
        self.study.finish(trial, None, **{WHY: why})
        self.tell(f"trial {trial.number}: {why}")
        self._refused += 1
        if not self._trained and self._refused >= MOST_REFUSED:
            raise UserError(f"tune: the first {self._refused} trials were refused; the last one: {why}")
