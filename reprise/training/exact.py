"""``train.optimizer: exact``: a linear model is solved, not trained, with a weight decay given or chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from reprise.arithmetic.linear_solver import LinearProblem, solve
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
ROUGHLY = 1e-12  # the precision of weights that are only compared
# What auto chooses from, the strongest first: the first of equals is the simplest.
WEIGHT_DECAYS = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)


class Examples(NamedTuple):
    """Rows and their targets."""

    x: NDArray[np.float32]
    y: NDArray[Any]


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
    engine = KernelEngine(job.model, job.train_rows, job.train, VALIDATION_BATCH)
    loss_sum, correct = judge(job, engine, job.train_rows)
    if job.ranks.first:
        print(f"solved in {solved.steps} steps, weight decay {solved.weight_decay:g} ({solved.how})")
        if correct == len(job.train_rows) and solved.weight_decay == job.train.label_smoothing == 0.0:
            print(
                "note: every row is told right, so weights without a limit would be best; "
                "set train.weight_decay above 0, or to auto"
            )
    progress = Progress()
    progress.add(loss_sum, correct, len(job.train_rows))
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
    outputs = layer_of(model).out_features
    loss = kernel_loss(train_rows.y, outputs)

    def problem(rows: Examples) -> LinearProblem:
        return LinearProblem(rows.x, rows.y, loss, outputs, train.label_smoothing, between)

    seen, held_out = (Examples(rows.x.numpy(), rows.y.numpy()) for rows in (train_rows, val_rows))
    if isinstance(train.weight_decay, str):
        weight_decay, how = _chosen(seen, held_out, train.seed, problem)
    else:
        weight_decay, how = train.weight_decay, "as given"
    whole = problem(seen)
    solution = solve(whole, weight_decay)
    put_into(model, whole.in_own_unit(solution.weights))
    return Solved(weight_decay, how, solution.steps)


def put_into(model: nn.Module, weights: tuple[NDArray[np.float32], NDArray[np.float32]] | None) -> None:
    """Put weights and biases into the layer of a linear model; None: zeros."""
    layer = layer_of(model)
    with torch.no_grad():
        for parameter, values in zip((layer.weight, layer.bias), weights or (None, None), strict=True):
            if values is None:
                parameter.zero_()
            else:
                parameter.copy_(torch.from_numpy(values))


def layer_of(model: nn.Module) -> nn.Linear:
    """Return the layer of a linear model."""
    return next(module for module in model.modules() if isinstance(module, nn.Linear))


def _chosen(
    seen: Examples, held_out: Examples, seed: int, problem: Callable[[Examples], LinearProblem]
) -> tuple[float, str]:
    """Return the weight decay with the least loss on rows that were not fitted to, and which these were."""
    if len(held_out.y) >= ENOUGH:
        return best_weight_decay([(seen, held_out)], problem), "chosen by the validation split"
    return best_weight_decay(
        cross_validation(seen, seed), problem
    ), f"chosen by {FOLDS} folds of the train split"


def best_weight_decay(
    pairs: Iterable[tuple[Examples, Examples]], problem: Callable[[Examples], LinearProblem]
) -> float:
    """Return the weight decay with the least loss, summed over pairs of (rows to fit to, other rows)."""
    losses = [0.0] * len(WEIGHT_DECAYS)
    for rows, others in pairs:
        fitted, weights = problem(rows), None
        for number, weight_decay in enumerate(WEIGHT_DECAYS):
            weights = solve(fitted, weight_decay, weights, ROUGHLY).weights
            losses[number] += fitted.loss_of(others.x, others.y, weights)
    return WEIGHT_DECAYS[losses.index(min(losses))]


def cross_validation(rows: Examples, seed: int) -> Iterator[tuple[Examples, Examples]]:
    """Yield (the other rows, a fold's rows).

    Rows are dealt out in order of their targets, equal ones at random: each fold has its share of all.
    """
    order = seeds.permutation(len(rows.y), seed, "folds")
    order = order[np.argsort(rows.y[order], kind="stable")]
    for number in range(min(FOLDS, len(rows.y))):
        chosen = np.zeros(len(rows.y), dtype=np.bool_)
        chosen[order[number::FOLDS]] = True
        yield Examples(rows.x[~chosen], rows.y[~chosen]), Examples(rows.x[chosen], rows.y[chosen])


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
