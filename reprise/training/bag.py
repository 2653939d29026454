"""A bag of networks: each is trained without one fold of the rows and stopped on it; they answer together.

Breiman, Bagging predictors, 1996, with the folds of a cross-validation in the place of bootstrap samples:
all rows are learnt from, and each network has rows of its own to be stopped on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median_low

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.foundation import seeds
from reprise.foundation.dealing import dealt
from reprise.foundation.errors import Interrupted
from reprise.model.bag import Bag, build_answering, fold_seed
from reprise.model.tabular import observe
from reprise.model.tensors import Rows
from reprise.prepared.schema import Schema
from reprise.settings.params import Params, Train
from reprise.training.blend import Part, blend
from reprise.training.checkpoint import Checkpoints
from reprise.training.fold_reports import FoldReports
from reprise.training.loop import Job, fit
from reprise.training.pool import Pool
from reprise.training.progress import Progress, mean_history


@dataclass
class Trained:
    """A trained bag.

    Attributes
    ----------
    model : nn.Module
        All networks, and their common answer.
    folds : list of Progress
    told : str
        Of the linear model that was blended in.
    """

    model: nn.Module
    folds: list[Progress]
    told: str = ""

    @property
    def progress(self) -> Progress:
        """What is told of the whole: the folds' mean history, the usual network's kept epoch."""
        if len(self.folds) == 1:
            return self.folds[0]
        kept = [fold.best_epoch or fold.epoch for fold in self.folds]
        return Progress(
            epoch=max(fold.epoch for fold in self.folds),
            history=mean_history([fold.history for fold in self.folds]),
            best_epoch=median_low(kept),
            stopped=any(fold.stopped for fold in self.folds),
        )


def train_bag(params: Params, schema: Schema, job: Job, workers: int) -> Trained:
    """Train the networks of a bag, and blend a linear model in.

    Parameters
    ----------
    params : Params
        With `train.folds` above 1, or `train.blend`.
    schema : Schema
    job : Job
        As for one network; its train and validation rows together are cut into folds. Its checkpoints'
        folder gets one for each fold.
    workers : int
        Threads that share the folds out; with several processes these share the slices of each fold.
    """
    bag = build_answering(params.model, params.train, schema, params.train.seed)
    assert isinstance(bag, Bag)
    reports = FoldReports(job.report, job.follower, params.train.folds)
    jobs = _jobs(job, bag, params.train, reports)
    rows = job.train_rows if len(jobs) == 1 else together(job.train_rows, job.val_rows)
    learnt = sum(len(own.train_rows) for own in jobs)
    job.follower.begin("rows", params.train.epochs * learnt, params.train.epochs)
    observe(bag.answer, rows.x, rows.y)

    def work(fold: int, _worker: int) -> Progress:
        own = jobs[fold]
        observe(own.model, own.train_rows.x, own.train_rows.y)
        if not job.ranks.first or len(jobs) == 1:
            return fit(own)
        reports.begins(fold)
        with own.checkpoints:
            trained = fit(own)
        reports.ends(fold)
        return trained

    pool = Pool(1 if _one_by_one(job) else min(workers, len(jobs)))
    folds = pool.map(work, len(jobs))
    pool.close()
    if params.train.blend == "none":
        return Trained(bag, folds)

    def between() -> None:
        if job.stop.requested:
            raise Interrupted(job.stop.signal, "train: stopped while blending; the networks are kept")

    parts = [Part(own.model, own.train_rows, own.val_rows) for own in jobs]
    return Trained(bag, folds, blend(bag, parts, rows, params.train, between))


def _jobs(job: Job, bag: Bag, train: Train, reports: FoldReports) -> list[Job]:
    """Return the training of each network."""
    device = job.train_rows.y.device
    if train.folds == 1:
        return [replace(job, model=bag.networks[0].to(device), saves_end=True)]
    rows = together(job.train_rows, job.val_rows)
    number = fold_numbers(rows.y, train.folds, train.seed)

    def own(fold: int) -> Job:
        inside, outside = (
            torch.from_numpy(np.flatnonzero(which)).to(device) for which in (number != fold, number == fold)
        )
        return replace(
            job,
            model=bag.networks[fold].to(device),
            train_rows=chosen(rows, inside),
            val_rows=chosen(rows, outside),
            train=train.model_copy(update={"seed": fold_seed(train.seed, fold, train)}),
            checkpoints=Checkpoints(job.checkpoints.folder / f"fold-{fold}"),
            pool=job.pool if _one_by_one(job) else Pool(1),
            report=reports.report(fold),
            follower=reports.follower(fold),
            saves_end=True,
        )

    return [own(fold) for fold in range(train.folds)]


def _one_by_one(job: Job) -> bool:
    return job.ranks.size > 1 or job.train_rows.y.device.type == "cuda"


def fold_numbers(y: Tensor, folds: int, seed: int) -> NDArray[np.int64]:
    """Return each row's fold: random, every class and every fold with as many rows as can be.

    Parameters
    ----------
    y : Tensor, shape (rows,)
        Class numbers, or values, whose order then doesn't matter.
    """
    order = seeds.permutation(len(y), seed, "folds")
    return dealt(order, None if y.is_floating_point() else y.cpu().numpy(), folds)


def together(one: Rows, other: Rows) -> Rows:
    """Return the rows of two splits."""
    return Rows(torch.cat([one.x, other.x]), torch.cat([one.y, other.y]), one.normalise)


def chosen(rows: Rows, numbers: Tensor) -> Rows:
    """Return some rows, by number."""
    return Rows(rows.x[numbers], rows.y[numbers], rows.normalise)
