"""``train.optimizer: exact``: a linear model is solved, not trained, with a weight decay given or chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from reprise.arithmetic.linear_solver import MOST_STEPS, LinearProblem, solve
from reprise.foundation import seeds
from reprise.foundation.errors import Interrupted
from reprise.model.losses import kernel_loss
from reprise.model.tensors import Rows
from reprise.prepared.schema import Schema
from reprise.settings.params import Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.loop import VALIDATION_BATCH, Job, judge, validate
from reprise.training.progress import Progress

MOST_COLUMNS = 2000  # their products with each other are kept
FOLDS = 10
ENOUGH = 100  # validation rows that decide by themselves
# What auto chooses from, the strongest first: the first of equals is the simplest.
WEIGHT_DECAYS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)


class Solved(NamedTuple):
    """The weight decay that was used, how it was found, and the steps that the solution took."""

    weight_decay: float
    how: str
    steps: int


def fit_exactly(job: Job) -> Progress:
    """Put the solution's weights into the model; the history has one row.

    Every rank computes all of it. Nothing is saved on the way: it takes seconds, and begins anew.

    Raises
    ------
    Interrupted
        If a signal asked to stop.
    """

    def between() -> None:
        if job.stop.requested:
            raise Interrupted(job.stop.signal, "train: stopped while solving; the next run begins anew")

    solved = solve_model(job.model, job.train_rows, job.val_rows, job.train, between)
    if job.ranks.first:
        print(f"solved in {solved.steps} steps, weight decay {solved.weight_decay:g} ({solved.how})")
        if solved.steps == MOST_STEPS:
            print(
                "note: the weights still grew, as they do without end where nothing mixes the classes; "
                "set train.weight_decay above 0, or to auto"
            )
    engine = KernelEngine(job.model, job.train_rows, job.train, VALIDATION_BATCH)
    progress = Progress()
    progress.add(*judge(job, engine, job.train_rows), len(job.train_rows))
    row = progress.end_epoch(
        None,
        validate(job, engine),
        not job.train_rows.y.is_floating_point(),
        weight_decay=solved.weight_decay,
    )
    progress.judge(row, job.train)
    job.report(1, 1, row)
    return progress


def solve_model(
    model: nn.Module,
    train_rows: Rows,
    val_rows: Rows,
    train: Train,
    between: Callable[[], None] = lambda: None,
) -> Solved:
    """Put the solution's weights into the model.

    Parameters
    ----------
    model : nn.Module
        Of kind linear.
    train_rows, val_rows : Rows
        Of a table, on the CPU.
    train : Train
        `weight_decay`, `label_smoothing`, and `seed`, which shares rows out among folds.
    between : callable
        Called between the parts of the work; what it raises ends it.
    """
    layer = next(module for module in model.modules() if isinstance(module, nn.Linear))

    def problem(rows: Rows) -> LinearProblem:
        loss = kernel_loss(rows.y, layer.out_features)
        x, y = rows.x.numpy(), rows.y.numpy()
        return LinearProblem(x, y, loss, layer.out_features, train.label_smoothing, between)

    if isinstance(train.weight_decay, str):
        weight_decay, how = _chosen(train_rows, val_rows, train.seed, problem)
    else:
        weight_decay, how = train.weight_decay, "as given"
    whole = problem(train_rows)
    solution = solve(whole, weight_decay)
    weight, bias = whole.in_own_unit(solution.weights)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return Solved(weight_decay, how, solution.steps)


def _chosen(
    train_rows: Rows, val_rows: Rows, seed: int, problem: Callable[[Rows], LinearProblem]
) -> tuple[float, str]:
    """Return the weight decay with the least loss on rows that it was not fitted to, and what these were."""
    if len(val_rows) >= ENOUGH:
        pairs, how = iter([(train_rows, val_rows)]), "chosen by the validation split"
    else:
        pairs, how = _folds(train_rows, seed), f"chosen by {FOLDS} folds of the train split"
    losses = [0.0] * len(WEIGHT_DECAYS)
    for seen, held_out in pairs:
        fitted, solution = problem(seen), None
        for number, weight_decay in enumerate(WEIGHT_DECAYS):
            solution = solve(fitted, weight_decay, None if solution is None else solution.weights)
            losses[number] += fitted.loss_of(held_out.x.numpy(), held_out.y.numpy(), solution.weights)
    return WEIGHT_DECAYS[losses.index(min(losses))], how


def _folds(rows: Rows, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield (the other rows, a fold's rows).

    Rows are dealt out in order of their targets, equal ones at random: each fold has its share of all.
    """
    order = seeds.permutation(len(rows), seed, "folds")
    order = order[np.argsort(rows.y.numpy()[order], kind="stable")]
    for number in range(min(FOLDS, len(rows))):
        held_out = np.zeros(len(rows), dtype=np.bool_)
        held_out[order[number::FOLDS]] = True
        yield _some(rows, ~held_out), _some(rows, held_out)


def _some(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    mask = torch.from_numpy(chosen)
    return Rows(rows.x[mask], rows.y[mask], rows.normalise)


def unfit(train: Train, schema: Schema) -> Iterator[str]:
    """Yield one line for each reason why this data can't be solved."""
    if schema.layout != "table":
        yield "train.optimizer: exact is for tables, but the data is images; set prepare.flatten to true"
    elif schema.shape[0] > MOST_COLUMNS:
        yield (
            f"train.optimizer: exact solves up to {MOST_COLUMNS:,} columns, but the data has "
            f"{schema.shape[0]:,}; use adam"
        )
    if train.weight_decay == "auto" and schema.counts["train"] == 1:
        yield "train.weight_decay: auto needs two or more rows to train on; give a number"
