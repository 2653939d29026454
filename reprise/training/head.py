"""``model.pretrained.tune: head``: a linear layer, solved or trained, on features that are computed once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from torch import nn

from reprise.foundation.errors import Interrupted
from reprise.model.pretrained import PretrainedNetwork
from reprise.training.exact import fit_exactly
from reprise.training.features import FeatureStore
from reprise.training.loop import Job, fit
from reprise.training.progress import Progress


def fit_head(job: Job, prepared: Path, workers: int) -> Progress:
    """Train the head of a pretrained network.

    Parameters
    ----------
    job : Job
        Its model is a `PretrainedNetwork` with its backbone in inference form; its rows are pictures.
    prepared : Path
        The folder that the pictures come from.
    workers : int
        Threads that share the pictures out.

    Raises
    ------
    Interrupted
        If a signal asked to stop; the features that were computed are kept.
    """
    network = job.model
    assert isinstance(network, PretrainedNetwork)
    network.eval()
    store = FeatureStore(network.features, prepared, job.train, job.train_rows.x.device, workers, job.ranks)
    count = len(job.train_rows) + len(job.val_rows)
    job.follower.begin("pictures", count, 1)
    train_rows = store.rows("train", job.train_rows, _between(job, 0, count))
    val_rows = store.rows("val", job.val_rows, _between(job, len(job.train_rows), count))
    exact = job.train.optimizer == "exact"
    epochs = 1 if exact else job.train.epochs
    job.follower.begin("rows", 0 if exact else epochs * len(train_rows), epochs)
    if job.ranks.first:
        store.tidy()
        print(f"features: {train_rows.x.shape[1]:,} of each of {count:,} pictures", flush=True)
    own = replace(job, model=nn.Sequential(network.head), train_rows=train_rows, val_rows=val_rows)
    return fit_exactly(own) if exact else fit(own)


def _between(job: Job, before: int, count: int) -> Callable[[int], None]:
    def between(done: int) -> None:
        job.report(before + done, count, None)
        if job.stop.requested:
            raise Interrupted(job.stop.signal, "train: stopped while computing features; those done are kept")

    return between
