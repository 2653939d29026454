"""A bag of networks: each is trained without one fold of the rows and stopped on it; they answer together.

Breiman, Bagging predictors, 1996, with the folds of a cross-validation in the place of bootstrap samples:
all rows are learnt from, and each network has rows of its own to be stopped on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median_low
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.foundation import seeds
from reprise.model.architectures import build_bag, fold_seed
from reprise.model.tabular import observe
from reprise.model.tensors import Rows
from reprise.prepared.schema import Schema
from reprise.settings.params import Params
from reprise.training.checkpoint import Checkpoints
from reprise.training.loop import Job, fit
from reprise.training.pool import Pool
from reprise.training.progress import COLUMNS, History, Progress

Report = Callable[[int, int, History | None], None]


@dataclass
class Bag:
    """A trained bag.

    Attributes
    ----------
    model : nn.Module
        All networks, and their common answer.
    folds : list of Progress
    """

    model: nn.Module
    folds: list[Progress]

    @property
    def progress(self) -> Progress:
        """What is told of the whole: the folds' mean history, the usual network's kept epoch."""
        kept = [fold.best_epoch or fold.epoch for fold in self.folds]
        return Progress(
            epoch=max(fold.epoch for fold in self.folds),
            history=mean_history([fold.history for fold in self.folds]),
            best_epoch=median_low(kept),
            stopped=any(fold.stopped for fold in self.folds),
        )


def train_bag(params: Params, schema: Schema, job: Job, workers: int) -> Bag:
    """Train the networks of a bag.

    Parameters
    ----------
    params : Params
        `train.folds` above 1.
    schema : Schema
    job : Job
        As for one network; its train and validation rows together are cut into folds. Its checkpoints'
        folder gets one for each fold.
    workers : int
        Threads that share the folds out; with several processes these share the slices of each fold.
    """
    rows = together(job.train_rows, job.val_rows)
    number = fold_numbers(rows.y, params.train.folds, params.train.seed)
    bag = build_bag(params.model, schema, params.train.seed, params.train.folds)
    observe(bag.answer, rows.x, rows.y)
    report = _summed(job.report, params.train.folds)

    def work(fold: int, _worker: int) -> Progress:
        inside = torch.from_numpy(np.flatnonzero(number != fold)).to(rows.y.device)
        outside = torch.from_numpy(np.flatnonzero(number == fold)).to(rows.y.device)
        network = bag.networks[fold]
        own = replace(
            job,
            model=network.to(rows.y.device),
            train_rows=chosen(rows, inside),
            val_rows=chosen(rows, outside),
            train=params.train.model_copy(update={"seed": fold_seed(params.train.seed, fold)}),
            checkpoints=Checkpoints(job.checkpoints.folder / f"fold-{fold}"),
            pool=job.pool if alone else Pool(1),
            report=lambda done, total, row: report(fold, done, total, row),
            saves_end=True,
        )
        observe(network, own.train_rows.x, own.train_rows.y)
        if not job.ranks.first:
            return fit(own)
        with own.checkpoints:
            return fit(own)

    alone = job.ranks.size > 1 or rows.y.device.type == "cuda"  # one fold after the other
    pool = Pool(1 if alone else min(workers, params.train.folds))
    folds = pool.map(work, params.train.folds)
    pool.close()
    return Bag(bag, folds)


def fold_numbers(y: Tensor, folds: int, seed: int) -> NDArray[np.int64]:
    """Return each row's fold: random, every class and every fold with as many rows as can be.

    Parameters
    ----------
    y : Tensor, shape (rows,)
        Class numbers, or values, whose order then doesn't matter.
    """
    order = seeds.permutation(len(y), seed, "folds")
    if not y.is_floating_point():
        order = order[np.argsort(y.cpu().numpy()[order], kind="stable")]
    number = np.empty(len(y), np.int64)
    number[order] = np.arange(len(y)) % folds
    return number


def together(one: Rows, other: Rows) -> Rows:
    """Return the rows of two splits."""
    return Rows(torch.cat([one.x, other.x]), torch.cat([one.y, other.y]), one.normalise)


def chosen(rows: Rows, numbers: Tensor) -> Rows:
    """Return some rows, by number."""
    return Rows(rows.x[numbers], rows.y[numbers], rows.normalise)


def mean_history(histories: Sequence[list[History]]) -> list[History]:
    """Return each epoch's mean figures, over those networks that were still trained."""
    made: list[History] = []
    for epoch in range(max(map(len, histories))):
        running = [history[epoch] for history in histories if epoch < len(history)]
        row: History = {"epoch": epoch + 1}
        for name in COLUMNS[1:]:
            values = [value for history in running if (value := history.get(name)) is not None]
            row[name] = math.fsum(values) / len(values) if values else None
        made.append(row)
    return made


def _summed(report: Report, folds: int) -> Callable[[int, int, int, History | None], None]:
    """Return a report of one fold that tells of all: steps are added up, epochs are not told one by one."""
    steps, lock = [0] * folds, Lock()

    def tell(fold: int, done: int, total: int, _: History | None) -> None:
        with lock:
            steps[fold] = done
            report(sum(steps), folds * total, None)

    return tell
