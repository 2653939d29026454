"""``train.blend``: a linear model, solved, answers along with the networks; its share is chosen.

The linear model is solved once for each network, from the rows that this one learnt from, and both are
asked for the rows that neither has seen: these choose the weight decay and the share. The one that is kept
is solved from all rows that the networks learnt from together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.arithmetic.linear_solver import LinearProblem, solve
from reprise.arithmetic.runtime import uses_kernels
from reprise.arithmetic.table_layers import Members
from reprise.model.bag import Bag
from reprise.model.inference import PortableProgram
from reprise.model.losses import kernel_loss, portable_loss_sum
from reprise.model.tensors import Normaliser, Rows
from reprise.settings.params import Train
from reprise.training.exact import (
    ENOUGH,
    MOST_COLUMNS,
    Examples,
    best_weight_decay,
    cross_validation,
    in_row_space,
    of_columns,
    put_into,
)

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the linear model; the first of equally good ones is taken
HALF = 0.5
AS_THEY_ARE = Normaliser(None, None)
BATCH = 512  # rows; fixed: torch's own bits may depend on it


class Part(NamedTuple):
    """A trained network, the rows that it learnt from, and rows that it has not seen."""

    network: nn.Module
    seen: Rows
    unseen: Rows


def blend(
    bag: Bag,
    parts: Sequence[Part],
    rows: Rows,
    train: Train,
    between: Callable[[], None],
) -> str:
    """Solve the linear model of a bag, its last, and give it a share; return what is told of it.

    Parameters
    ----------
    bag : Bag
    parts : sequence of Part
        The bag's networks.
    rows : Rows
        That the linear model is solved from in the end.
    train : Train
    between : callable
        Called between the parts of the work; what it raises ends it.
    """
    columns = rows.x.shape[1]
    if columns > MOST_COLUMNS:
        put_into(bag.networks[-1], None)
        bag.give_last(0.0)
        return (
            f"note: train.blend: a linear model is solved for up to {MOST_COLUMNS:,} columns, but the data "
            f"has {columns:,}; the networks answer alone"
        )
    outputs = bag.answer.outputs

    def problem(some: Examples) -> LinearProblem:
        return LinearProblem(
            some.x, some.y, kernel_loss(rows.y, outputs), outputs, train.label_smoothing, between
        )

    pairs = [in_row_space(_examples(part.seen), _examples(part.unseen))[1:] for part in parts]
    enough = sum(len(unseen.y) for _, unseen in pairs) >= ENOUGH or len(parts) > 1
    deciding = pairs if enough else cross_validation(pairs[0][0], train.seed)
    weight_decay = best_weight_decay(deciding, problem)
    share = HALF
    if train.blend == "auto":
        answers = []
        for part, (seen, unseen) in zip(parts, pairs, strict=True):
            fitted = problem(seen)
            weights = fitted.in_own_unit(solve(fitted, weight_decay).weights)
            both = [outputs_of(part.network, part.unseen, train), _linear_outputs(weights, unseen.x)]
            answers.append(torch.cat(both, dim=1))
        share = best_share(torch.cat(answers), torch.cat([part.unseen.y for part in parts]), bag.answer)
    whole = _examples(rows)
    space, seen, _ = in_row_space(whole, Examples(whole.x[:0], whole.y[:0]))
    solution = solve(problem(seen), weight_decay)
    put_into(bag.networks[-1], problem(whole).in_own_unit(of_columns(solution, space)))
    bag.give_last(share)
    return f"blended: a linear model counts {share:.0%}, weight decay {weight_decay:g}"


def best_share(answers: Tensor, y: Tensor, answer: Members) -> float:
    """Return the share of the second of two models with which their common answer has the least loss.

    Parameters
    ----------
    answers : Tensor, shape (rows, 2 * outputs)
        Of the first, then of the second.
    y : Tensor, shape (rows,)
    answer : Members
        What the outputs are, and the range of values.
    """
    bag = Bag([nn.Identity(), nn.Identity()], answer.outputs, answer.answer)
    both = bag.answer
    both.range.copy_(answer.range)
    losses = []
    for share in SHARES:
        bag.give_last(share)
        program = PortableProgram(nn.Sequential(both).eval(), (answers.shape[1],))
        losses.append(_loss(program.outputs(answers, Normaliser(None, None)), y.cpu()))
    return SHARES[losses.index(min(losses))]


def outputs_of(module: nn.Module, rows: Rows, train: Train) -> Tensor:
    """Return a model's outputs, float32 (rows, outputs), on the CPU, computed as it was trained."""
    module.eval()
    device = rows.y.device
    if uses_kernels(device, train.numerics):
        program = PortableProgram(module, tuple(rows.x.shape[1:]))
        starts = range(0, len(rows), BATCH)
        return torch.cat([program.outputs(rows.x[at : at + BATCH], rows.normalise) for at in starts])
    with torch.inference_mode():
        return torch.cat([module.to(device)(x).cpu() for x, _ in rows.batches(BATCH)])


def _linear_outputs(
    weights: tuple[NDArray[np.float32], NDArray[np.float32]], x: NDArray[np.float32]
) -> Tensor:
    outputs, columns = weights[0].shape
    with torch.random.fork_rng(devices=()):  # torch draws initial weights, which are replaced
        linear = nn.Sequential(nn.Linear(columns, outputs))
    put_into(linear, weights)
    program = PortableProgram(linear.eval(), (columns,))
    return program.outputs(torch.from_numpy(np.ascontiguousarray(x)), AS_THEY_ARE)


def _loss(outputs: Tensor, y: Tensor) -> float:
    if not y.is_floating_point():
        return portable_loss_sum(outputs, y)
    difference = outputs[:, 0].double() - y.double()
    return math.fsum((difference * difference).tolist())


def _examples(rows: Rows) -> Examples:
    return Examples(rows.x.cpu().numpy(), rows.y.cpu().numpy())
