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
from reprise.evaluation.evaluate import Places as JudgedPlaces
from reprise.evaluation.evaluate import evaluate
from reprise.foundation.errors import UserError, exit_with
from reprise.foundation.files import read_json, write_text
from reprise.model.card import CARD
from reprise.settings.params_file import read_params
from reprise.training import run as training
from reprise.training.followers import Abandoned, Follower
from reprise.training.progress import History
from reprise.training.signals import when_the_parent_dies
from reprise.tuning.experiments import MAIN, PREPARED, SETUP, Experiments, Snapshot

MODEL, METRICS = Path("models"), Path("metrics")
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


def main() -> None:
    """Do what is asked for, until nothing is."""
    when_the_parent_dies(signal.SIGTERM)
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as stream:
        line = Line(stream)
        folder = Path(sys.argv[1])
        sys.stdout = sys.stderr  # what a training prints is no answer
        setup = read_json(folder / SETUP)
        _load_all()
        os.chdir(folder)
        project = None if setup["project"] is None else Snapshot(*setup["project"])
        experiments = None if project is None else Experiments(project)
        while (order := line.hear()) is not None:
            try:
                line.tell(**_carry_out(order, setup, line, experiments))
            except Abandoned:
                line.tell(pruned=True)
            except UserError as error:
                line.tell(refused=error.problems[0])


def _load_all() -> None:
    """Load what a training may need: its state is named after the code that is loaded, then as later."""
    for room in ROOMS:
        for module in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)


def _carry_out(
    order: dict[str, Any], setup: dict[str, Any], line: Line, experiments: Experiments | None
) -> dict[str, Any]:
    """Train a trial, judge it and make it an experiment; return its figures."""
    write_text(MAIN, order["params"])
    params, device, threads = read_params(MAIN), setup["device"], setup["threads"]
    # The networks of a bag are trained side by side: their mean so far says nothing of the end.
    follower = Reports(line, setup["objective"]) if params.train.folds == 1 else None
    training.run(params, training.Places(PREPARED, MODEL, METRICS, MAIN), device, threads, follower)
    when_the_parent_dies(signal.SIGTERM)  # the training takes it back
    figures = kept_figures(MODEL, METRICS)
    if experiments is not None:
        _judge(params.evaluate, device, threads)
        experiments.save(order["experiment"])
    return {"figures": figures}


def kept_figures(model: Path, metrics: Path) -> dict[str, float]:
    """Return the validation figures of the epoch whose weights are kept."""
    epoch = str(read_json(model / CARD)["kept_epoch"])
    with (metrics / training.HISTORY_FILE).open(encoding="utf-8", newline="") as stream:
        row = next(row for row in csv.DictReader(stream) if row["epoch"] == epoch)
    return {name: float(row[f"val_{name}"]) for name in ("loss", "accuracy") if row.get(f"val_{name}")}


def _judge(params: Any, device: Any, threads: int) -> None:
    """Judge the model as the evaluate stage does: an experiment has all of the pipeline's outputs.

    Nothing of it plays a part in the search.
    """
    shutil.rmtree(METRICS / "plots", ignore_errors=True)
    try:
        evaluate(params, JudgedPlaces(PREPARED, MODEL, METRICS), device, threads)
    except UserError as error:
        if not all(line.startswith("evaluate.bar: ") for line in error.problems):
            raise  # below the bar is a result too


if __name__ == "__main__":
    exit_with(main)
