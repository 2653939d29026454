"""One training from prepared data to model files: what the train stage does."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

import reprise
from reprise.arithmetic.runtime import Device, Numerics, choose_device, configure
from reprise.foundation.files import csv_text, write_text
from reprise.model.architectures import build
from reprise.model.card import Arithmetic, ModelCard
from reprise.model.file import save_model
from reprise.model.pretrained import PretrainedNetwork
from reprise.model.published import weights_of
from reprise.model.tabular import observe
from reprise.model.tensors import Rows, load_rows
from reprise.own.carried import code_to_carry
from reprise.own.code import folder_digests
from reprise.own.errors import telling
from reprise.prepared.schema import SCHEMA_FILE, Schema
from reprise.prepared.shards import read_schema
from reprise.settings.params import Params
from reprise.training import canary
from reprise.training import ranks as processes
from reprise.training.bag import train_bag
from reprise.training.checkpoint import Checkpoints, fingerprint, state_root
from reprise.training.class_weights import class_weights
from reprise.training.display import Display
from reprise.training.exact import fit_exactly
from reprise.training.head import fit_head
from reprise.training.loop import Job, fit
from reprise.training.pool import Pool
from reprise.training.progress import Progress, history_rows
from reprise.training.ranks import Ranks
from reprise.training.refusals import refuse_infinite_weights, refuse_unfit
from reprise.training.rehearsal import rehearse
from reprise.training.signals import stop_on_signals
from reprise.training.threshold import threshold_of

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
    """

    prepared: Path
    model: Path
    metrics: Path


def run(params: Params, places: Places, device: Literal["auto", "cpu", "cuda"], workers: int) -> None:
    """Train and write the model files and the history.

    Parameters
    ----------
    params : Params
    places : Places
    device : {"auto", "cpu", "cuda"}
    workers : int
        Threads that share the slices out on a CPU, at most one per slice.
    """
    exact = params.train.optimizer == "exact"
    chosen = "cpu" if exact else choose_device(device)  # there are no kernels for CUDA
    configure(chosen, params.train.numerics, tf32=params.train.tf32)
    schema = read_schema(places.prepared)
    refuse_unfit(params, schema)
    if params.model.kind == "own":
        rehearse(params, schema, chosen)
    if chosen == "cpu" and params.train.numerics == "portable":
        canary.check(params.model, params.train, schema)
    ranks = processes.join(chosen)
    try:
        folder = state_root() / "train" / state_name(params, places.prepared, chosen)
        if ranks.first:
            with Checkpoints(folder) as checkpoints:
                _train(params, places, schema, chosen, workers, ranks, checkpoints)
        else:
            _train(params, places, schema, chosen, workers, ranks, Checkpoints(folder))
    finally:
        processes.leave(ranks)


def _train(
    params: Params,
    places: Places,
    schema: Schema,
    device: Device,
    workers: int,
    ranks: Ranks,
    checkpoints: Checkpoints,
) -> None:
    target = torch.device(device)
    pool = Pool(pool_size(params, device, workers))
    exact = params.train.optimizer == "exact"
    epochs = 1 if exact else params.train.epochs
    with stop_on_signals() as stop, Display(epochs, ranks.first) as display, telling(None):
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
        )
        if params.train.folds > 1 or params.train.blend != "none":
            bag = train_bag(params, schema, job, workers)
            job.model, progress, told = bag.model, bag.progress, bag.told
        elif params.model.kind == "pretrained" and params.model.pretrained.tune == "head":
            progress, told = fit_head(job, places.prepared, workers), ""
        else:
            progress, told = fit_exactly(job) if exact else fit(job), ""
    pool.close()
    if ranks.first:
        if told:
            print(told)
        _save(params, places, schema, device, job, progress)
        checkpoints.remove()
    ranks.wait_for_all()


def _save(
    params: Params, places: Places, schema: Schema, device: Device, job: Job, progress: Progress
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
    write_text(places.metrics / "history.csv", csv_text(*history_rows(progress.history)))
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


def state_name(params: Params, prepared: Path, device: Device) -> str:
    """Return the fingerprint of this training: parameters, data, code, packages and arithmetic."""
    settings: dict[str, Any] = {
        "model": params.model.model_dump(mode="json"),
        "train": params.train.model_dump(mode="json"),
        "device": device if device == "cpu" else f"cuda {torch.cuda.get_device_name()}",
    }
    if params.model.kind == "own":
        settings["own"] = folder_digests()
    # The schema holds the hash of every shard, and whoever reads a shard checks it.
    files = [prepared / SCHEMA_FILE, *_loaded_code()]
    return fingerprint(settings, files, {"torch": torch.__version__, "reprise": reprise.__version__})


def _loaded_code() -> list[Path]:
    """Return the project's loaded files, with the stage itself, whose module is called __main__."""
    main = getattr(sys.modules["__main__"], "__spec__", None)
    names = {"__main__": main.name} if main is not None else {}
    return [
        Path(file)
        for name, module in sys.modules.items()
        if names.get(name, name).split(".")[0] in ("reprise", "stages")
        and (file := getattr(module, "__file__", None)) is not None
    ]
