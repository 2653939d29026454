"""Reprise's own training loop as a benchmark runs it: on data in memory, answering between two steps."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import mnist
from training_data import RATE, SHAPES, Data, now
from turns import READY

if TYPE_CHECKING:
    from reprise.training.checkpoint import Checkpoints
    from reprise.training.loop import Job

SECONDS = [1.5]  # of a turn; `main` of a benchmark may choose


def reprise(data: Data, numerics: str, slices: str, workers: str) -> None:
    """Reprise's own `fit`, with its checkpoints; it answers between two steps."""
    import tempfile

    from reprise.training.checkpoint import Checkpoints
    from reprise.training.loop import fit

    clock = Clock(data.batch)
    with tempfile.TemporaryDirectory() as folder, Checkpoints(Path(folder) / "state") as checkpoints:
        fit(job_of(data, numerics, int(slices), int(workers), checkpoints, clock.tick))


def job_of(
    data: Data,
    numerics: str,
    slices: int,
    workers: int,
    checkpoints: Checkpoints,
    report: Callable[..., None],
    cnn: dict[str, Any] | None = None,
) -> Job:
    """Return a training without validation, which the rivals don't do either."""
    import torch

    from reprise.arithmetic.runtime import configure
    from reprise.model.architectures import build
    from reprise.model.tensors import Rows, normaliser
    from reprise.settings.params import Cnn, Mlp, Model, Train
    from reprise.training.loop import Job
    from reprise.training.pool import Pool
    from reprise.training.ranks import Ranks
    from reprise.training.signals import StopRequest

    configure("cpu", numerics)
    schema = schema_of(data.model)
    normalise = normaliser(schema, torch.device("cpu"))
    rows = Rows(torch.from_numpy(data.stored), torch.from_numpy(data.y), normalise)
    train = Train(batch_size=data.batch, lr=RATE, slices=slices, numerics=numerics, epochs=1_000_000)
    return Job(
        model=build(Model(kind=data.model, cnn=Cnn(**(cnn or {})), mlp=Mlp(hidden=(64, 32))), schema, 1),
        train_rows=rows,
        val_rows=Rows(rows.x[:0], rows.y[:0], normalise),
        train=train,
        checkpoints=checkpoints,
        ranks=Ranks(),
        pool=Pool(workers),
        stop=StopRequest(),
        report=report,
    )


class Clock:
    """Told of every step, it answers when a turn is over and waits for the next one."""

    def __init__(self, batch: int, answers: IO[str] = sys.stdout) -> None:
        self._answers = answers
        self._batch, self._count, self._start, self._end = batch, 0, 0.0, 0.0

    def tick(self, _done: int, _all: int, row: object) -> None:
        if row is not None:  # an epoch's end, which is no step
            return
        self._count += 1
        if time.perf_counter() < self._end:
            return
        figure = self.figure(self._count * self._batch, now() - self._start)
        print(READY if self._end == 0.0 else figure, file=self._answers, flush=True)
        if not sys.stdin.readline():
            os._exit(0)
        self._count, self._start, self._end = 0, now(), time.perf_counter() + SECONDS[0]

    def figure(self, rows: int, seconds: float) -> float:
        """Return the answer for a turn: rows per second."""
        return rows / seconds


def schema_of(model: str) -> Any:
    """Return the schema of made-up prepared data."""
    from reprise.prepared.schema import Schema, Statistics

    shape = SHAPES[model]
    table = model == "mlp"
    return Schema(
        dataset="benchmark",
        layout="table" if table else "images",
        task="classification",
        shape=shape,
        columns=tuple(f"x{number}" for number in range(shape[0])) if table else (),
        target="class",
        classes=tuple("0123456789"),
        counts={},
        class_counts={},
        target_scale=None,
        source="",
        licence="",
        raw={},
        inputs=None if table else Statistics(mean=(mnist.MEAN,) * shape[0], std=(mnist.STD,) * shape[0]),
    )
