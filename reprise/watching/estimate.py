"""How long a training will take on this machine: a few of its steps, timed on made-up rows.

``python -m reprise.watching.estimate`` answers one question on standard input (see foresight.py).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from reprise.arithmetic.runtime import configure
from reprise.model.architectures import build
from reprise.model.inference import PortableProgram
from reprise.model.pretrained import PretrainedNetwork
from reprise.model.tabular import observe
from reprise.prepared.schema import Schema
from reprise.settings.params import Params
from reprise.training import augment
from reprise.training.by_kernels import KernelEngine
from reprise.training.canary import made_up_rows
from reprise.training.features import AT_ONCE
from reprise.training.loop import validation_batch
from reprise.training.optimizers import KernelOptimizer
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.slices import SlicedGradient

BUDGET = 0.3  # seconds that are spent on steps; one is always done to warm up, and one timed
MOST_ROWS = 4096  # that are made up


def training_seconds(params: Params, schema: Schema, workers: int) -> float:
    """Return about how long a training takes with portable numerics, without what is solved at its end.

    Parameters
    ----------
    params : Params
        Of a network that is trained, or of a pretrained one.
    schema : Schema
        Of its data, with the rows of each split.
    workers : int
        Threads of this machine that will share the work.
    """
    configure("cpu", "portable")
    model = build(params.model, schema, params.train.seed)
    if isinstance(model, PretrainedNetwork) and params.model.pretrained.tune == "head":
        return _features_seconds(model, schema, workers)
    train = params.train
    side_by_side = min(workers, train.folds)
    pool = Pool(1 if train.folds > 1 else max(1, min(workers, train.slices)))
    step, judge = _step_and_judge_seconds(model, params, schema, pool)
    pool.close()
    learnt, judged = schema.counts["train"], schema.counts["val"]
    if train.folds > 1:
        judged = (learnt + judged) // train.folds
        learnt = judged * (train.folds - 1)
    epoch = -(-learnt // train.batch_size) * step + judged * judge
    return -(-train.folds // side_by_side) * train.epochs * epoch


def _step_and_judge_seconds(
    model: nn.Module, params: Params, schema: Schema, pool: Pool
) -> tuple[float, float]:
    """Return what a step takes, and what it takes to judge a row, as measured."""
    train = params.train
    rows = made_up_rows(max(train.batch_size, min(MOST_ROWS, schema.counts["train"])), schema)
    observe(model, rows.x, rows.y)
    size = min(validation_batch(rows), len(rows))
    engine = KernelEngine(model, rows, train, size, None)
    optimizer = KernelOptimizer(engine, train, pool)
    gradient = SlicedGradient(engine, model, train, pool, Ranks())
    shape = tuple(rows.x.shape[1:])
    changes = augment.draw(train.augment, len(rows), shape, train.seed, 0, rows.x.device)
    batch = torch.arange(min(train.batch_size, len(rows)))

    def a_step() -> None:
        optimizer.step(gradient.step(batch, changes, 0, 0, False).gradients, 0.0)

    model.train()
    step = _timed(a_step)
    model.eval()
    judge = _timed(lambda: engine.judge(0, rows, 0, size)) / size
    return step, judge / pool.workers


def _features_seconds(model: PretrainedNetwork, schema: Schema, workers: int) -> float:
    """Return what the features of all pictures take."""
    program = PortableProgram(model.eval().features, schema.shape)
    rows = made_up_rows(AT_ONCE, schema)
    seconds = _timed(lambda: program.outputs(rows.x, rows.normalise))
    return (schema.counts["train"] + schema.counts["val"]) * seconds / AT_ONCE / workers


def _timed(work: Callable[[], object]) -> float:
    """Return the seconds of one call, the mean of as many as the budget allows after a first one."""
    work()
    start = time.perf_counter()
    count = 0
    while count == 0 or time.perf_counter() - start < BUDGET:
        work()
        count += 1
    return (time.perf_counter() - start) / count


def main() -> None:
    """Answer one question."""
    asked = json.load(sys.stdin)
    params, schema = Params.model_validate(asked["params"]), Schema.model_validate(asked["schema"])
    print(training_seconds(params, schema, int(asked["workers"])))


if __name__ == "__main__":
    main()
