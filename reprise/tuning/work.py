"""A worker, which trains one trial after another: ``python -m reprise.tuning.work FOLDER``.

It is told what to do, and tells how far it is, a line of JSON each. With torch loaded once, a trial costs
little beside its training. It works in a copy of the project (`reprise.tuning.experiments`) of its own.
"""

from __future__ import annotations

import csv
import importlib
import json
import os
import pkgutil
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import reprise.arithmetic
import reprise.evaluation
import reprise.model
import reprise.training
from reprise.evaluation.evaluate import Others, evaluate
from reprise.evaluation.evaluate import Places as Judged
from reprise.evaluation.files import PLOTS
from reprise.foundation.errors import UserError, exit_with
from reprise.foundation.files import read_json, write_text
from reprise.model.card import CARD
from reprise.settings.params import Params
from reprise.settings.params_file import read_params
from reprise.training import run as training
from reprise.training.followers import Abandoned, Follower
from reprise.training.progress import History
from reprise.training.signals import when_the_parent_dies
from reprise.tuning.experiments import SETUP, Experiments, Snapshot
from reprise.verification.pipelines import MAIN, main_pipeline, recipe

ROOMS = (reprise.arithmetic, reprise.evaluation, reprise.model, reprise.training)


class Line:
    """The line to the process that started this one.

    Parameters
    ----------
    stream : TextIO
        What it reads.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, **what: Any) -> None:
        """Say something."""
        self._stream.write(json.dumps(what) + "\n")
        self._stream.flush()

    def hear(self) -> Any:
        """Wait for something to do; None: nothing will come."""
        line = sys.stdin.readline()
        return json.loads(line) if line else None


class Reports(Follower):
    """Tells each epoch's validation metric, and ends the training if that is the answer."""

    def __init__(self, line: Line, objective: str) -> None:
        self._line, self._name = line, f"val_{objective}"

    def grown(self, history: Sequence[History]) -> None:
        """Ask whether to go on."""
        row = history[-1]
        if row[self._name] is None:
            return
        self._line.tell(epoch=row["epoch"], value=row[self._name])
        answer = self._line.hear()
        if answer is None:  # who asked is gone: save the state and end
            os.kill(os.getpid(), signal.SIGTERM)
        elif not answer["go_on"]:
            raise Abandoned


class Bench:
    """What trials are carried out with, in the copy of the project that is the current folder.

    Parameters
    ----------
    setup : dict
        As `reprise.tuning.trials` wrote it.
    line : Line
    """

    def __init__(self, setup: dict[str, Any], line: Line) -> None:
        self.setup, self._line = setup, line
        name = setup["pipeline"]
        self._pipeline = main_pipeline() if name in (None, MAIN) else recipe(name)
        project = setup["project"]
        self._experiments = None if name is None else Experiments(Snapshot(*project), self._pipeline)
        self._simpler: Others | None = None

    def carry_out(self, text: str, experiment: str) -> dict[str, float]:
        """Train a trial with a params file of this text, and make it an experiment; return its figures."""
        places, device, threads = self._pipeline, self.setup["device"], self.setup["threads"]
        write_text(places.params, text)
        params = read_params(places.params)
        # The networks of a bag are trained side by side: their mean so far says nothing of the end.
        follower = Reports(self._line, self.setup["objective"]) if params.train.folds == 1 else None
        own = training.Places(places.prepared, places.model, places.metrics, places.params)
        training.run(params, own, device, threads, follower)
        when_the_parent_dies(signal.SIGTERM)  # the training takes it back
        figures = kept_figures(places.model, places.metrics)
        if self._experiments is not None:
            self._judge(params)
            self._experiments.save(experiment)
        return figures

    def _judge(self, params: Params) -> None:
        """Judge the model as the evaluate stage does: an experiment has all of the pipeline's outputs.

        Nothing of it plays a part in the search. What simpler models reach is found once: trials share their
        data.
        """
        places = self._pipeline
        shutil.rmtree(places.metrics / PLOTS, ignore_errors=True)
        own = Judged(places.prepared, places.model, places.metrics)
        device, threads = self.setup["device"], self.setup["threads"]
        verdict = evaluate(params.evaluate, own, device, threads, simpler=self._simpler)
        self._simpler = Others(verdict.baselines, verdict.trees)


def main() -> None:
    """Do what is asked for, until nothing is."""
    when_the_parent_dies(signal.SIGTERM)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as stream:
        line = Line(stream)
        sys.stdout = sys.stderr  # what a training prints is no answer
        _load_all()
        os.chdir(sys.argv[1])
        bench = Bench(read_json(Path(SETUP)), line)
        while (order := line.hear()) is not None:
            try:
                line.tell(figures=bench.carry_out(order["params"], order["experiment"]))
            except Abandoned:
                line.tell(pruned=True)
            except UserError as error:
                line.tell(refused=error.problems[0])


def _load_all() -> None:
    """Load what a training may need: its state is named after the code that is loaded, then as later."""
    for room in ROOMS:
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)


def kept_figures(model: Path, metrics: Path) -> dict[str, float]:
    """Return the validation figures of the epoch whose weights are kept."""
    epoch = str(read_json(model / CARD)["kept_epoch"])
    with (metrics / training.HISTORY_FILE).open(encoding="utf-8", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["epoch"] == epoch)
    return {name: float(row[f"val_{name}"]) for name in ("loss", "accuracy") if row.get(f"val_{name}")}


if __name__ == "__main__":
    exit_with(main)
