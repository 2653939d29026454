"""The trials of a search side by side, in processes that stay."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from reprise.foundation.errors import Interrupted, UserError
from reprise.foundation.files import write_json
from reprise.foundation.workers import cores
from reprise.foundation.workspace import EXPERIMENTS
from reprise.spread.side_by_side import POLL, failure
from reprise.training.signals import stop_on_signals
from reprise.tuning.experiments import SETUP, copy_code, copy_project, pipeline_of, snapshot
from reprise.tuning.search import Search
from reprise.tuning.storage import HEARTBEAT
from reprise.tuning.study import EXPERIMENT, FIGURES, SAME, WHY, Study, Trial
from reprise.tuning.worker import Worker

MOST_REFUSED = 5  # trials while none could be trained: then the space is at fault


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
        self._stopping, self._refused = Event(), 0
        with self._copies(jobs) as places, stop_on_signals() as stop, ThreadPoolExecutor(jobs) as pool:
            workers = [
                Worker(place, self.search.folder / f"worker-{place.name}.log", cores_of_one(jobs))
                for place in places
            ]
            waiting = {pool.submit(self._serve, worker) for worker in workers}
            ends = None if timeout is None else time.monotonic() + timeout
            beat = time.monotonic()
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=POLL, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    if stop.requested:
                        raise Interrupted(
                            stop.signal, "tune: stopped; what is done is kept, and the same command goes on"
                        )
                    if ends is not None and time.monotonic() >= ends:
                        break
                    if time.monotonic() - beat >= HEARTBEAT:
                        self.study.alive()
                        beat = time.monotonic()
            finally:
                self._stopping.set()
                for worker in workers:
                    worker.stop()
                for worker in workers:
                    worker.close()

    @contextmanager
    def _copies(self, jobs: int) -> Iterator[list[Path]]:
        """Make a copy of the project for each worker, and remove them at the end."""
        # Below EXPERIMENTS it is known for a copy, and downloads of this project are found.
        below = EXPERIMENTS if EXPERIMENTS.parents[1].is_dir() else self.search.folder
        folder = below / f"tune-{self.search.name[:6]}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pipeline = pipeline_of(self.search.file)
        self._named = pipeline is not None
        if pipeline is None:
            self.tell(
                f"note: no experiments: {self.search.file} is of no pipeline of DVC's in a git repository"
            )
        project = None if pipeline is None else snapshot(folder)
        setup = {
            "pipeline": None if pipeline is None else pipeline.name, "project": project,
            "device": self.search.device, "objective": self.search.objective, "threads": cores_of_one(jobs),
        }  # fmt: skip
        places = [folder / str(number) for number in range(jobs)]
        for place in places:
            if pipeline is not None and project is not None:
                copy_project(project, pipeline, place, self.search.prepared)
            else:
                copy_code(place, self.search.prepared)
            write_json(place / SETUP, setup)
        try:
            yield places
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _serve(self, worker: Worker) -> None:
        """Give a worker one trial after another."""
        while not self._stopping.is_set() and (trial := self.study.next(self.most)) is not None:
            if (twin := self.study.twin(trial)) is not None:
                about = {
                    name: twin.user_attrs[name] for name in (FIGURES, EXPERIMENT) if name in twin.user_attrs
                }
                self.study.finish(trial, twin.value, **about, **{SAME: twin.number})
                self._say(trial, f"has the values of trial {twin.number}")
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
            if "figures" in said:
                value, about = said["figures"][self.search.objective], {FIGURES: said["figures"]}
                if self._named:
                    about[EXPERIMENT] = experiment
                self.study.finish(trial, value, **about)
                self._say(trial, f"{self.search.objective} {value:.4f}")
            elif "pruned" in said:
                self.study.finish(trial, None)
                self._say(trial, f"pruned in epoch {epoch}")
            else:
                self._refuse(trial, said["refused"])
            return True
        return False

    def _say(self, trial: Trial, what: str) -> None:
        """Tell of a trial that has ended."""
        self.tell(f"trial {trial.number}: {what} ({len(self.study.done())} of {self.most})")

    def _refuse(self, trial: Trial, why: str) -> None:
        """Take note of a trial whose parameters can't be trained with.

        Raises
        ------
        UserError
            If that is so of all.
        """
        self.study.finish(trial, None, **{WHY: why})
        self._say(trial, why)
        self._refused += 1
        if self._refused >= MOST_REFUSED and not self.study.has_trained():
            raise UserError(f"tune: no trial could be trained, and {self._refused} were tried; {why}")


def cores_of_one(jobs: int) -> int:
    """Return how many threads each of several trainings at a time may use."""
    return max(1, cores() // jobs)
