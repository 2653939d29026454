"""What it costs a training to be watched: lines, live file and growing history beside nothing of these.

``python benchmarks/watching.py [--rounds N] [--seconds S] [--mnist DIR] [MODEL …]``

The same training runs three times, in processes that take turns (see turns.py): telling nobody of its steps,
as the train stage does it, and so with a clock around all that is told. Epochs end as they do there, with
validation, and grow the history. On a busy machine the last column says more than the two before it differ.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import mnist
import turns
from our_loop import SECONDS, Clock, job_of
from training_data import CLOCK, SHAPES, Data

MODELS = ("mnist_mlp", "digits_cnn", "mnist_cnn", "small_mlp")
OTHER_SHAPES = {"mnist_mlp": (784,), "digits_cnn": (1, 8, 8)}  # than those of training_data.py
VARIANTS = ("alone", "watched", "inside")


def main() -> None:
    """Let the variants take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--mnist", type=Path, help="the folder of the four idx files")
    parser.add_argument("--processor-time", action="store_true", help="count it and not the clock's")
    parser.add_argument("--worker", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help=", ".join(MODELS))
    args = parser.parse_args()
    folder = args.mnist or mnist.folder()
    if args.processor_time:
        CLOCK[0] = time.process_time
    if args.worker:
        SECONDS[0] = args.seconds
        train(args.models[0], folder, args.worker)
        return
    print(turns.machine() + "\n")
    rows = []
    for model in args.models:
        words = [__file__, model, "--mnist", str(folder), "--seconds", str(args.seconds)]
        words += [*(["--processor-time"] if args.processor_time else []), "--worker"]
        with turns.Turns([turns.Variant(name, [*words, name]) for name in VARIANTS]) as running:
            speeds = running.rounds(args.rounds)
        alone, watched, inside = (speeds[name] for name in VARIANTS)
        cost = median(one / other - 1 for one, other in zip(alone, watched, strict=True))
        rows.append(
            [model, turns.spread(alone), turns.spread(watched), f"{cost:+.2%}", f"{median(inside):.2%}"]
        )
    head = ["model", "rows/s alone", "rows/s watched", "cost, median of the rounds", "time spent in it"]
    print(turns.table(head, rows))


class Inside(Clock):
    """Answers with the share of the time that calls took."""

    spent = 0.0

    def timed(self, call: Callable[..., None]) -> Callable[..., None]:
        """Return a function with a clock around it."""

        def run(*words: Any) -> None:
            start = time.perf_counter()
            call(*words)
            self.spent += time.perf_counter() - start

        return run

    def figure(self, _rows: int, seconds: float) -> float:
        """Return the share of a turn."""
        spent, self.spent = self.spent, 0.0
        return spent / seconds


def train(model: str, folder: Path, variant: str) -> None:
    """Train until no more turns are asked for."""
    from reprise.training.checkpoint import Checkpoints
    from reprise.training.display import Display
    from reprise.training.followers import Follower, Watched
    from reprise.training.live import LiveFile
    from reprise.training.live_history import LiveHistory
    from reprise.training.loop import fit

    answers = os.fdopen(os.dup(1), "w")
    clock: Any = None
    with tempfile.TemporaryDirectory() as place, redirect_stdout(io.StringIO()):
        state, history_file = Path(place) / "state", Path(place) / "history.csv"
        with Checkpoints(state) as checkpoints:
            job = job_for(model, folder, checkpoints)
            clock = (Inside if variant == "inside" else Clock)(job.train.batch_size, answers)
            job = replace(job, report=clock.tick)
            if variant == "alone":
                fit(job)
            display = Display(job.train.epochs, shown=True)
            with (
                LiveHistory(history_file, True) as history,
                LiveFile(state, {}, display.standing, "loss", True) as live,
            ):
                follower = Watched(display, live, history, Follower())
                follower.begin("rows", job.train.epochs * len(job.train_rows), job.train.epochs)

                tell: Callable[..., None] = display.report
                if isinstance(clock, Inside):
                    tell = clock.timed(tell)
                    follower.grown = clock.timed(follower.grown)  # type: ignore[method-assign]  # itself, timed

                def report(done: int, total: int, row: Any) -> None:
                    tell(done, total, row)
                    clock.tick(done, total, row)

                fit(replace(job, report=report, follower=follower))


def job_for(model: str, folder: Path, checkpoints: Any) -> Any:
    """Return the training of a model, with a tenth of its rows for validation."""
    from sklearn.datasets import load_digits

    kind = "mlp" if model.endswith("mlp") else "cnn"
    if model in OTHER_SHAPES:
        SHAPES[kind] = OTHER_SHAPES[model]
    data = Data(kind, folder)
    images = mnist.load(folder)
    if model == "mnist_mlp":
        data.stored, data.y = images.train_x.reshape(len(images.train_x), -1) / 255, images.train_y
        data.stored, data.batch = data.stored.astype("float32"), 128
    elif model == "digits_cnn":
        digits = load_digits()
        data.stored = (digits.images[:, None] * 15).astype("uint8")
        data.y, data.batch = digits.target.astype("int64"), 32
    cnn = {"padding": 1} if model == "digits_cnn" else None
    job = job_of(data, "portable", 2, 2, checkpoints, lambda *_: None, cnn)
    count = len(job.train_rows) // 10
    rows = job.train_rows
    part = type(rows)(rows.x[:count], rows.y[:count], rows.normalise)
    return replace(job, val_rows=part)


if __name__ == "__main__":
    main()
