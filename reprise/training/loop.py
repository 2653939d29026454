"""The training loop: every step in order, exact, resumable at any of them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from reprise.arithmetic.runtime import uses_kernels
from reprise.foundation import seeds
from reprise.foundation.errors import Interrupted
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training import augment
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine
from reprise.training.checkpoint import Checkpoints, unpack
from reprise.training.followers import Follower
from reprise.training.optimizers import KernelOptimizer, Optimizer, TorchOptimizer
from reprise.training.outcome import Engine
from reprise.training.pool import Pool
from reprise.training.progress import History, Progress
from reprise.training.ranks import Ranks
from reprise.training.schedule import learning_rate
from reprise.training.signals import StopRequest
from reprise.training.slices import SlicedGradient

# Rows that are judged together; fixed, because sums of losses depend on it. Of large pictures it is fewer:
# each needs megabytes on its way through a network.
VALIDATION_BATCH, LARGE_BATCH, LARGE = 512, 32, 2**16


@dataclass
class Job:
    """What a training works with.

    Attributes
    ----------
    model : nn.Module
        Trained in place; ends with the weights that `train.keep` asks for.
    train_rows, val_rows : Rows
    train : Train
    checkpoints : Checkpoints
    ranks : Ranks
    pool : Pool
    stop : StopRequest
        Set by SIGTERM and SIGINT.
    report : callable
        Called with ``(steps done, all steps, history row or None)`` after every step and every epoch.
    follower : Follower
        Told what is worked on, and the history as it grows.
    class_weights : Tensor, shape (classes,), optional
        What the rows of each class count in the training loss.
    saves_end : bool
        Whether the end is saved too, so that a training which is a part of a larger one is not done again.
    """

    model: nn.Module
    train_rows: Rows
    val_rows: Rows
    train: Train
    checkpoints: Checkpoints
    ranks: Ranks
    pool: Pool
    stop: StopRequest
    report: Callable[[int, int, History | None], None]
    class_weights: Tensor | None = None
    saves_end: bool = False
    follower: Follower = field(default_factory=Follower)


def fit(job: Job) -> Progress:
    """Train until the last epoch or until early stopping, from the saved state when there is one.

    Raises
    ------
    Interrupted
        If a signal asked to stop; the state was saved.
    UserError
        If the training diverged.
    """
    train, model, rows = job.train, job.model, job.train_rows
    engine, optimizer = engine_and_optimizer(job)
    progress, best = _resume(job, optimizer)
    if progress.history:
        job.follower.resumed(progress.history)
    gradient = SlicedGradient(engine, model, train, job.pool, job.ranks)
    steps = -(-len(rows) // train.batch_size)
    total = steps * train.epochs

    while progress.epoch < train.epochs and not progress.stopped:
        epoch = progress.epoch
        order = torch.from_numpy(seeds.permutation(len(rows), train.seed, "order", epoch)).to(rows.x.device)
        shape = tuple(rows.x.shape[1:])
        changes = augment.draw(train.augment, len(rows), shape, train.seed, epoch, rows.x.device)
        model.train()
        for step in range(progress.step, steps):
            batch = order[step * train.batch_size : (step + 1) * train.batch_size]
            result = gradient.step(batch, changes, epoch, step, job.stop.requested)
            rate = learning_rate(epoch * steps + step, total, train)
            optimizer.step(result.gradients, rate)
            progress.add(*result.figures, len(batch))
            job.report(epoch * steps + step + 1, total, None)
            if result.stop or job.checkpoints.due():
                _save(job, optimizer, progress, best)
            if result.stop:
                number = job.stop.signal or signal.SIGTERM  # 0 where another rank got the signal
                raise Interrupted(number, f"train: stopped in epoch {epoch + 1}; the state is kept")
        # Not the loop's last rate: a training that resumes at an epoch's end has done no step of it.
        rate = learning_rate((epoch + 1) * steps - 1, total, train)
        row = progress.end_epoch(rate, validate(job, engine), not rows.y.is_floating_point())
        if progress.judge(row, train) and train.keep == "best":
            best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        job.report(progress.epoch * steps, total, row)
        job.follower.grown(progress.history)
        if job.saves_end and (progress.stopped or progress.epoch == train.epochs):
            _save(job, optimizer, progress, best)

    if best:
        model.load_state_dict(best)
    return progress


def engine_and_optimizer(job: Job) -> tuple[Engine, Optimizer]:
    """Return what computes the gradients and what changes the parameters, by numerics and device."""
    if uses_kernels(job.train_rows.x.device, job.train.numerics):
        validation = validation_batch(job.train_rows)
        engine = KernelEngine(job.model, job.train_rows, job.train, validation, job.class_weights)
        return engine, KernelOptimizer(engine, job.train, job.pool)
    by_torch = TorchEngine(job.model, job.train_rows, job.train, job.class_weights)
    return by_torch, TorchOptimizer(job.model, job.train)


def validation_batch(rows: Rows) -> int:
    """Return how many rows are judged together."""
    return VALIDATION_BATCH if rows.x[0:1].numel() <= LARGE else LARGE_BATCH


def validate(job: Job, engine: Engine) -> tuple[float, float] | None:
    """Return mean loss and accuracy over the validation split; None when it has no rows."""
    count = len(job.val_rows)
    if count == 0:
        return None
    loss_sum, correct = judge(job, engine, job.val_rows)
    return loss_sum / count, correct / count


def judge(job: Job, engine: Engine, rows: Rows) -> tuple[float, float]:
    """Return the sum of losses and the number of correct rows of a split that has rows.

    Batches of a fixed size are shared out among threads; their sums are added in row order.
    """
    job.model.eval()
    size = validation_batch(rows)
    starts = range(0, len(rows), size)

    def work(number: int, slot: int) -> tuple[float, float]:
        first = starts[number]
        return engine.judge(slot, rows, first, min(len(rows), first + size))

    losses, correct = zip(*job.pool.map(work, len(starts)), strict=True)
    return sum(losses), sum(correct)


def _save(job: Job, optimizer: Optimizer, progress: Progress, best: dict[str, Tensor]) -> None:
    if not job.ranks.first:
        return
    tensors = {f"model/{name}": tensor for name, tensor in job.model.state_dict().items()}
    tensors |= {f"optimizer/{name}": tensor for name, tensor in optimizer.tensors().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
    job.checkpoints.save(tensors, progress.saved())


def _resume(job: Job, optimizer: Optimizer) -> tuple[Progress, dict[str, Tensor]]:
    """Put the saved state back, the same on every rank; a fresh `Progress` when there is none."""
    device = job.train_rows.x.device
    own = job.checkpoints.read() if job.ranks.first else None
    body = job.ranks.share_bytes(own, device)
    if body is None:
        return Progress(), {}
    tensors, saved = unpack(body)
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "best": {}}
    for full_name, tensor in tensors.items():
        part, name = full_name.split("/", 1)
        parts[part][name] = tensor
    job.model.load_state_dict(parts["model"])
    optimizer.restore(parts["optimizer"])
    progress = Progress.model_validate(saved)
    if job.ranks.first:
        print(f"resuming in epoch {progress.epoch + 1} after step {progress.step}", flush=True)
    return progress, {name: tensor.to(device) for name, tensor in parts["best"].items()}
