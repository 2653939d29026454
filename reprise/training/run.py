"""One training from prepared data to model files: what the train stage does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from reprise.arithmetic.runtime import Device, Numerics, choose_device, configure
from reprise.foundation.room import require_disk
from reprise.foundation.states import STATE_VARIABLE, state_root
from reprise.model.architectures import build
from reprise.model.card import Arithmetic, ModelCard
from reprise.model.file import save_model
from reprise.model.pretrained import PretrainedNetwork
from reprise.model.published import weights_of
from reprise.model.sizes import refuse_too_large
from reprise.model.tabular import observe
from reprise.model.tensors import Rows, load_rows
from reprise.own.carried import code_to_carry
from reprise.own.errors import telling
from reprise.prepared.schema import Schema
from reprise.prepared.shards import read_schema
from reprise.settings.params import Params
from reprise.training import canary
from reprise.training import ranks as processes
from reprise.training.bag import train_bag
from reprise.training.checkpoint import Checkpoints
from reprise.training.class_weights import class_weights
from reprise.training.display import Display
from reprise.training.exact import fit_exactly
from reprise.training.followers import Abandoned, Follower, Watched
from reprise.training.head import fit_head
from reprise.training.identity import about_run, state_name
from reprise.training.live import LiveFile
from reprise.training.live_history import LiveHistory
from reprise.training.loop import Job, fit
from reprise.training.pool import Pool
from reprise.training.progress import Progress
from reprise.training.ranks import Ranks
from reprise.training.refusals import refuse_infinite_weights, refuse_unfit
from reprise.training.rehearsal import rehearse
from reprise.training.signals import stop_on_signals
from reprise.training.threshold import threshold_of

HISTORY_FILE = "history.csv"
CPU_ARITHMETIC: dict[Numerics, Arithmetic] = {"portable": "cpu portable", "native": "cpu native"}


@dataclass(frozen=True)
class Places:
    """Where a training reads and writes.

    Attributes
    ----------
    prepared : Path
        The folder of prepared data.
    model : Path
        The folder that gets the model files.
    metrics : Path
        The folder that gets history.csv.
    params : Path
        The file that the parameters are from; only `reprise watch` tells it.
    """

    prepared: Path
    model: Path
    metrics: Path
    params: Path = Path("params.yaml")


def run(
    params: Params,
    places: Places,
    device: Literal["auto", "cpu", "cuda"],
    workers: int,
    follower: Follower | None = None,
) -> None:
    """Train and write the model files and the history.

    Parameters
    ----------
    params : Params
    places : Places
    device : {"auto", "cpu", "cuda"}
    workers : int
        Threads that share the slices out on a CPU, at most one per slice.
    follower : Follower, optional
        Is told of every epoch, and may end the training.

    Raises
    ------
    Abandoned
        If the follower did.
    """
    also = follower or Follower()
    exact = params.train.optimizer == "exact"
    chosen = "cpu" if exact else choose_device(device)  # there are no kernels for CUDA
    configure(chosen, params.train.numerics, tf32=params.train.tf32)
    schema = read_schema(places.prepared)
    refuse_unfit(params, schema)
    if params.model.kind == "own":
        rehearse(params, schema, chosen)
    if chosen == "cpu" and params.train.numerics == "portable":
        canary.check(params.model, params.train, schema)
    refuse_without_room(params, places, schema, chosen)
    ranks = processes.join(chosen)
    try:
        folder = state_root() / "train" / state_name(params, places.prepared, chosen)
        if ranks.first:
            with Checkpoints(folder) as checkpoints:
                try:
                    _train(params, places, schema, chosen, workers, ranks, checkpoints, also)
                except Abandoned:
                    checkpoints.remove()
                    raise
        else:
            _train(params, places, schema, chosen, workers, ranks, Checkpoints(folder), also)
    finally:
        processes.leave(ranks)


def refuse_without_room(params: Params, places: Places, schema: Schema, device: Device) -> None:
    """Find out before a training whether its files can be written and its model be held in memory.

    Raises
    ------
    EnvironmentProblem
        If not: with the folder, or the parameter, and both sizes.
    """
    size = refuse_too_large(params, schema, device)
    require_disk(places.model, size, largest=size)
    require_disk(state_root(), size, largest=size, elsewhere=f"; or set {STATE_VARIABLE} to another folder")
    require_disk(places.metrics)


def _train(
    params: Params,
    places: Places,
    schema: Schema,
    device: Device,
    workers: int,
    ranks: Ranks,
    checkpoints: Checkpoints,
    also: Follower,
) -> None:
    target = torch.device(device)
    pool = Pool(pool_size(params, device, workers))
    display = Display(1 if params.train.optimizer == "exact" else params.train.epochs, ranks.first)
    about, monitor = about_run(params, places.params), params.train.monitor
    with (
        LiveHistory(places.metrics / HISTORY_FILE, ranks.first) as history,
        LiveFile(checkpoints.folder, about, display.standing, monitor, ranks.first) as live,
    ):
        watched = Watched(display, live, history, also)
        with stop_on_signals() as stop, display, telling(None):
            train_rows = load_rows(places.prepared, schema, "train", target)
            job = Job(
                model=initial_model(params, schema, train_rows).to(target),
                train_rows=train_rows,
                val_rows=load_rows(places.prepared, schema, "val", target),
                train=params.train,
                checkpoints=checkpoints,
                ranks=ranks,
                pool=pool,
                stop=stop,
                report=display.report,
                class_weights=class_weights(params.train, schema, target),
                follower=watched,
            )
            progress, told = _learn(params, places, schema, job, workers)
        pool.close()
        if ranks.first:
            if told:
                print(told)
            _save(params, places, schema, device, job, progress, history)
            checkpoints.remove()
    ranks.wait_for_all()


def _learn(params: Params, places: Places, schema: Schema, job: Job, workers: int) -> tuple[Progress, str]:
    """Train the model of a job in the way that the parameters ask for; return what is told of it, too."""
    train = params.train
    if train.folds > 1 or train.blend != "none":
        bag = train_bag(params, schema, job, workers)
        job.model = bag.model
        return bag.progress, bag.told
    if params.model.kind == "pretrained" and params.model.pretrained.tune == "head":
        return fit_head(job, places.prepared, workers), ""
    if train.optimizer == "exact":
        return fit_exactly(job), ""
    job.follower.begin("rows", train.epochs * len(job.train_rows), train.epochs)
    return fit(job), ""


def _save(
    params: Params,
    places: Places,
    schema: Schema,
    device: Device,
    job: Job,
    progress: Progress,
    history: LiveHistory,
) -> None:
    refuse_infinite_weights(job.model)
    kept = progress.best_epoch if params.train.keep == "best" else None
    card = ModelCard(
        arithmetic="cuda" if device == "cuda" else CPU_ARITHMETIC[params.train.numerics],
        task=schema.task,
        classes=schema.classes,
        model=params.model,
        train=params.train,
        data=schema,
        epochs_trained=progress.epoch,
        own=code_to_carry() if params.model.kind == "own" else None,
        kept_epoch=kept or progress.epoch,
    )
    threshold = threshold_of(job.model, card, job.val_rows, device, job.pool.workers)
    card = card.model_copy(update={"threshold": threshold})
    history.write(progress.history)
    save_model(places.model, job.model, card)
    stopped = " (stopped early)" if progress.stopped else ""
    bagged = f" a network, {params.train.folds} networks" if params.train.folds > 1 else ""
    if params.train.optimizer == "exact":
        print(f"solved: {places.model}")
    else:
        print(
            f"trained {progress.epoch} epochs{stopped}{bagged}, kept epoch {card.kept_epoch}: {places.model}"
        )


def initial_model(params: Params, schema: Schema, rows: Rows) -> nn.Module:
    """Return the model to be trained, which may have looked at the train split, or has published weights."""
    model = build(params.model, schema, params.train.seed)
    if isinstance(model, PretrainedNetwork):
        model.take(params.model.pretrained, weights_of(params.model.pretrained))
    observe(model, rows.x, rows.y)
    return model


def pool_size(params: Params, device: Device, workers: int) -> int:
    """Return how many threads share the slices out; it can't change a byte of the result.

    Parameters
    ----------
    workers : int
        What ``--workers`` asks for, on this machine.
    """
    if device == "cuda":
        return 1  # one stream: slices follow each other on the GPU anyway
    own = workers // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(own, params.train.slices))
