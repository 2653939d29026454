"""One step's gradient: the batch is cut into fixed slices, and their gradients are added in slice order.

A slice's gradient depends on its rows, the weights and its own generator, and the order of addition is
fixed. So it can't matter which thread or which process computed it, or when (the idea of EasyScale,
Li et al., 2023, taken down to single machines).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from reprise.arithmetic.layers import batch_norms
from reprise.settings.params import Train
from reprise.training.augment import Changes
from reprise.training.outcome import Engine, Outcome
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks

FIGURES = 2  # sum of losses, number of correct rows


@dataclass(frozen=True)
class Step:
    """What one step leaves.

    Attributes
    ----------
    gradients : list of list of Tensor
        Those of the slices, in slice order.
    figures : (float, float)
        Sum of losses and number of correct rows.
    stop : bool
        Whether any process was asked to stop.
    """

    gradients: list[list[Tensor]]
    figures: tuple[float, float]
    stop: bool


def cut(rows: Tensor, slices: int) -> list[Tensor]:
    """Cut a batch's row numbers into `slices` parts whose sizes differ by 1 at most.

    The sizes depend on the batch and the slice count alone; a short last batch may leave slices empty.
    """
    edges = [len(rows) * number // slices for number in range(slices + 1)]
    return [rows[start:end] for start, end in itertools.pairwise(edges)]


class SlicedGradient:
    """Computes the gradients of whole batches, slice by slice.

    Parameters
    ----------
    engine : Engine
        Computes single slices.
    model : nn.Module
        Whose batch norm statistics are moved.
    train : Train
        `slices`.
    pool : Pool
        The threads of this process.
    ranks : Ranks
        The processes that share the slices out; they need not divide their number.
    """

    def __init__(self, engine: Engine, model: nn.Module, train: Train, pool: Pool, ranks: Ranks) -> None:
        self.engine, self.train, self.pool, self.ranks = engine, train, pool, ranks
        self.norms = batch_norms(model)

    def step(self, batch: Tensor, changes: Changes | None, epoch: int, step: int, stop: bool) -> Step:
        """Return the gradients and sums of a batch, and fold batch norm statistics into the model.

        Parameters
        ----------
        batch : Tensor, shape (rows,), int64
            Row numbers of the global batch, in order.
        changes : Changes or None
            The epoch's augmentation.
        epoch, step : int
            Position; with the seed and the slice it decides all randomness.
        stop : bool
            Whether this process was asked to stop; the others learn it from the figures.
        """
        parts = cut(batch, self.train.slices)
        own = [number for number in range(len(parts)) if number % self.ranks.size == self.ranks.rank]

        def work(piece: int, slot: int) -> Outcome:
            number = own[piece]
            if len(parts[number]) == 0:
                return Outcome([torch.zeros_like(p) for p in self.engine.parameters], (0.0, 0.0), {}, 0)
            return self.engine.slice(slot, parts[number], changes, len(batch), (epoch, step, number))

        outcomes = self.pool.map(work, len(own))
        if self.ranks.size > 1:
            outcomes, stop = self._exchange(outcomes, [len(part) for part in parts], stop)
        for norm in self.norms:
            norm.merge([(o.statistics[norm], o.rows) for o in outcomes if norm in o.statistics])
        loss = correct = 0.0
        for outcome in outcomes:  # slice order, not arrival order: float addition isn't associative
            loss, correct = loss + outcome.figures[0], correct + outcome.figures[1]
        return Step([outcome.gradients for outcome in outcomes], (loss, correct), stop)

    def _exchange(self, own: list[Outcome], rows: list[int], stop: bool) -> tuple[list[Outcome], bool]:
        """Return the outcomes of all slices, in slice order, and whether any rank was asked to stop."""
        size = self.ranks.size
        places = -(-len(rows) // size)  # slices of the rank that has most
        width = sum(p.numel() for p in self.engine.parameters) + sum(2 * n.num_features for n in self.norms)
        device = self.engine.parameters[0].device
        floats = torch.zeros(places, width, device=device)
        figures = torch.zeros(places, FIGURES + len(self.norms) + 1, dtype=torch.float64, device=device)
        figures[:, -1] = float(stop)
        for place, outcome in enumerate(own):
            absent = [n for n in self.norms if n not in outcome.statistics]
            filled = {**outcome.statistics, **{n: floats.new_zeros(2, n.num_features) for n in absent}}
            pieces = [*outcome.gradients, *(filled[n] for n in self.norms)]
            floats[place] = torch.cat([piece.reshape(-1) for piece in pieces])
            figures[place, :FIGURES] = torch.tensor(outcome.figures, dtype=torch.float64)
            figures[place, FIGURES:-1] = torch.tensor([float(n not in absent) for n in self.norms])
        all_floats, all_figures = self.ranks.gather(floats), self.ranks.gather(figures)
        outcomes = [
            self._unpack(all_floats[n % size][n // size], all_figures[n % size][n // size], rows[n])
            for n in range(len(rows))
        ]
        return outcomes, any(bool(part[0, -1]) for part in all_figures)

    def _unpack(self, floats: Tensor, figures: Tensor, rows: int) -> Outcome:
        shapes = [p.shape for p in self.engine.parameters] + [
            torch.Size((2, n.num_features)) for n in self.norms
        ]
        pieces = [
            piece.reshape(shape)
            for piece, shape in zip(torch.split(floats, [s.numel() for s in shapes]), shapes, strict=True)
        ]
        count = len(self.engine.parameters)
        present = figures[FIGURES:-1].tolist()
        statistics = {n: s for n, s, p in zip(self.norms, pieces[count:], present, strict=True) if p}
        loss, correct = figures[:FIGURES].tolist()
        return Outcome(pieces[:count], (loss, correct), statistics, rows)
