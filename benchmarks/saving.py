"""Share of a training's time that goes into saving its state.

``python benchmarks/saving.py [--seconds S]``

Trains the CNN on MNIST and ResNet-18 on made-up images for a while, each with the checkpoints that a real
training keeps, and prints how often it saved, what a save took, and its share of all time.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from pathlib import Path

import mnist
import turns
from our_loop import job_of
from training_data import Data

from reprise.foundation.errors import Interrupted
from reprise.training.checkpoint import Checkpoints
from reprise.training.loop import fit
from reprise.training.progress import History


def main() -> None:
    """Measure both models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--mnist", type=Path, help="the folder of the four idx files")
    args = parser.parse_args()
    print(turns.machine() + "\n")
    rows = []
    for model in ("cnn", "resnet18"):
        steps, costs, total = measure(Data(model, args.mnist or mnist.folder()), args.seconds)
        mean = 1e3 * sum(costs) / max(1, len(costs))
        rows.append([model, f"{steps:,}", str(len(costs)), f"{mean:.1f}", f"{sum(costs) / total:.2%}"])
    print(turns.table(["model", "steps", "saves", "ms a save", "share of the time"], rows))


def measure(data: Data, seconds: float) -> tuple[int, list[float], float]:
    """Train for some seconds; return the steps, each save's seconds, and all seconds."""
    costs: list[float] = []
    marks: list[float] = []

    class Timed(Checkpoints):
        def save(self, *args: object) -> None:
            start = time.perf_counter()
            super().save(*args)  # type: ignore[arg-type]  # passed on as they came
            costs.append(time.perf_counter() - start)

    def report(_done: int, _all: int, row: History | None) -> None:
        if row is None:
            marks.append(time.perf_counter())
        if marks[-1] - marks[0] > seconds:
            job.stop.signal = signal.SIGTERM

    with tempfile.TemporaryDirectory() as folder, Timed(Path(folder) / "state") as checkpoints:
        job = job_of(data, "portable", 2, 2, checkpoints, report)
        try:
            fit(job)
        except Interrupted:
            costs.pop()  # the one at the stop
    return len(marks), costs, marks[-1] - marks[0]


if __name__ == "__main__":
    main()
