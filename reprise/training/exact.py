"""``train.optimizer: exact``: a linear model is solved, not trained, with a weight decay given or chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from reprise.arithmetic.linear_solver import LinearProblem, solve
from reprise.arithmetic.row_space import RowSpace
from reprise.foundation import seeds
from reprise.foundation.errors import Interrupted
from reprise.model.losses import kernel_loss
from reprise.model.tensors import Rows
from reprise.prepared.schema import Schema
from reprise.settings.params import Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.loop import VALIDATION_BATCH, Job, judge, validate
from reprise.training.progress import Progress

MOST_COLUMNS = 2048  # their products with each other are kept
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
        Of a table, or features of pictures, on the CPU.
    train : Train
        `weight_decay`, `label_smoothing`, and `seed`, which shares rows out among folds.
    between : callable
        Called between the parts of the work; what it raises ends it.
    """
    layer = next(module for module in model.modules() if isinstance(module, nn.Linear))
    loss = kernel_loss(train_rows.y, layer.out_features)

    def problem(rows: Examples) -> LinearProblem:
        return LinearProblem(rows.x, rows.y, loss, layer.out_features, train.label_smoothing, between)

    seen, held_out = (Examples(rows.x.numpy(), rows.y.numpy()) for rows in (train_rows, val_rows))
    whole, space = problem(seen), None
    # Without a penalty the least axis, which rounding makes, would count like all others.
    penalised = isinstance(train.weight_decay, str) or train.weight_decay >= WEIGHT_DECAYS[-1]
    if penalised and len(seen.y) + len(held_out.y) < whole.columns:
        space = RowSpace(np.concatenate([seen.x, held_out.x]) if len(held_out.y) else seen.x)
        seen, held_out = (
            Examples(x, rows.y)
            for x, rows in zip(np.split(space.coordinates, [len(seen.y)]), (seen, held_out), strict=True)
        )
    if isinstance(train.weight_decay, str):
        weight_decay, how = _chosen(seen, held_out, train.seed, problem)
    else:
        weight_decay, how = train.weight_decay, "as given"
    solution = solve(problem(seen), weight_decay)
    weights = solution.weights
    if space is not None:
        weights = np.concatenate([space.weights(weights[:, :-1]), weights[:, -1:]], axis=1)
    weight, bias = whole.in_own_unit(weights)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias))
    return Solved(weight_decay, how, solution.steps)


def _chosen(
    seen: Examples, held_out: Examples, seed: int, problem: Callable[[Examples], LinearProblem]
) -> tuple[float, str]:
    """Return the weight decay with the least loss on rows that were not fitted to, and which these were."""
    if len(held_out.y) >= ENOUGH:
        pairs, how = iter([(seen, held_out)]), "chosen by the validation split"
    else:
        pairs, how = _folds(seen, seed), f"chosen by {FOLDS} folds of the train split"
    losses = [0.0] * len(WEIGHT_DECAYS)
    for rows, others in pairs:
        fitted, weights = problem(rows), None
        for number, weight_decay in enumerate(WEIGHT_DECAYS):
            weights = solve(fitted, weight_decay, weights, ROUGHLY).weights
            losses[number] += fitted.loss_of(others.x, others.y, weights)
    return WEIGHT_DECAYS[losses.index(min(losses))], how


def _folds(rows: Examples, seed: int) -> Iterator[tuple[Examples, Examples]]:
    """Yield (the other rows, a fold's rows).

    Rows are dealt out in order of their targets, equal ones at random: each fold has its share of all.
    """
    order = seeds.permutation(len(rows.y), seed, "folds")
    order = order[np.argsort(rows.y[order], kind="stable")]
    for number in range(min(FOLDS, len(rows.y))):
        chosen = np.zeros(len(rows.y), dtype=np.bool_)
        chosen[order[number::FOLDS]] = True
        yield Examples(rows.x[~chosen], rows.y[~chosen]), Examples(rows.x[chosen], rows.y[chosen])


def unfit(train: Train, schema: Schema, *, of_features: bool = False) -> Iterator[str]:
    """Yield one line for each reason why this data can't be solved.

    With `of_features` a backbone makes columns of pictures, no more than can be solved.
    """
    if schema.layout != "table" and not of_features:
        yield "train.optimizer: exact is for tables, but the data is images; set prepare.flatten to true"
    elif schema.layout == "table" and schema.shape[0] > MOST_COLUMNS:
        yield (
            f"train.optimizer: exact solves up to {MOST_COLUMNS:,} columns, but the data has "
            f"{schema.shape[0]:,}; use adam"
        )
    if train.weight_decay == "auto" and schema.counts["train"] == 1:
        yield "train.weight_decay: auto needs two or more rows to train on; give a number"
