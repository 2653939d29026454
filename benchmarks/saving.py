"""Share of a training's time that goes into saving its state.

``python benchmarks/saving.py [--seconds S]``

Trains the MNIST CNN and ResNet-18 on made-up rows for a while, each with the checkpoints that a real training
keeps, and prints how often it saved, what a save took, and its share of all time.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Measure both models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40.0)
    seconds = parser.parse_args().seconds
    from reprise.numerics.runtime import pin

    pin("portable")
    print(f"{'model':10} {'steps':>7} {'saves':>6} {'ms a save':>10} {'share':>8}")
    for model in ("cnn", "resnet18"):
        steps, costs, total = measure(model, seconds)
        print(
            f"{model:10} {steps:7,} {len(costs):6} {1e3 * sum(costs) / max(1, len(costs)):10.1f} "
            f"{sum(costs) / total:8.2%}"
        )


def measure(model: str, seconds: float) -> tuple[int, list[float], float]:
    """Train for some seconds; return the steps, each save's seconds, and all seconds."""
    from training_speed import _parts

    from reprise.foundation.errors import Interrupted
    from reprise.model.architectures import build
    from reprise.model.portable import portable
    from reprise.numerics.runtime import configure
    from reprise.training.checkpoint import Checkpoints
    from reprise.training.loop import Job, fit
    from reprise.training.pool import Pool
    from reprise.training.progress import History
    from reprise.training.ranks import Ranks
    from reprise.training.signals import StopRequest

    configure("cpu", "portable")
    params, train, schema, rows = _parts(model)
    costs: list[float] = []
    marks: list[float] = []

    class Timed(Checkpoints):
        def save(self, *args: object) -> None:
            start = time.perf_counter()
            super().save(*args)
            costs.append(time.perf_counter() - start)

    stop = StopRequest()

    def report(_done: int, _all: int, _row: History | None) -> None:
        marks.append(time.perf_counter())
        if marks[-1] - marks[0] > seconds:
            stop.signal = signal.SIGTERM

    with tempfile.TemporaryDirectory() as folder, Timed(Path(folder) / "state") as checkpoints:
        job = Job(
            model=portable(build(params, schema, 1)),
            train_rows=rows,
            val_rows=rows,
            train=train.model_copy(update={"epochs": 10_000, "slices": 2}),
            checkpoints=checkpoints,
            ranks=Ranks(),
            pool=Pool(2),
            stop=stop,
            report=report,
        )
        try:
            fit(job)
        except Interrupted:
            costs.pop()  # the one at the stop
    return len(marks), costs, marks[-1] - marks[0]


if __name__ == "__main__":
    main()
