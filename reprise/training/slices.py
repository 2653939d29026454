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

from reprise.foundation import seeds
from reprise.model.architectures import BatchNorm, Dropout, SliceRecord, batch_norms, recording
from reprise.model.losses import loss_sum, predicted_classes
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training.augment import Changes
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks

FIGURES = 2  # sum of losses, number of correct rows


@dataclass(frozen=True)
class Outcome:
    """What one slice leaves.

    Attributes
    ----------
    gradients : list of Tensor
        One per parameter, of the loss divided by the rows of the whole batch.
    figures : Tensor, shape (2,), float64
        Sum of losses and number of correct rows.
    statistics : dict
        What batch norm layers saw, by layer; a slice too small for statistics has none.
    rows : int
    """

    gradients: list[Tensor]
    figures: Tensor
    statistics: dict[BatchNorm, Tensor]
    rows: int


@dataclass(frozen=True)
class Step:
    """What one step leaves: sums over its slices, in slice order.

    Attributes
    ----------
    gradients : list of Tensor
    figures : Tensor, shape (2,), float64
    stop : bool
        Whether any process was asked to stop.
    """

    gradients: list[Tensor]
    figures: Tensor
    stop: bool


def cut(rows: Tensor, slices: int) -> list[Tensor]:
    """Cut a batch's row numbers into `slices` parts whose sizes differ by 1 at most.

    The sizes depend on the batch and the slice count alone; a short last batch may leave slices empty.
    """
    edges = [len(rows) * number // slices for number in range(slices + 1)]
    return [rows[start:end] for start, end in itertools.pairwise(edges)]


class SlicedGradient:
    """Computes the gradient of whole batches, slice by slice.

    Parameters
    ----------
    model : nn.Module
    data : Rows
        The train split.
    train : Train
        `seed`, `slices` and `label_smoothing`.
    pool : Pool
        The threads of this process.
    ranks : Ranks
        The processes that share the slices out; they need not divide their number.
    """

    def __init__(self, model: nn.Module, data: Rows, train: Train, pool: Pool, ranks: Ranks) -> None:
        self.model, self.data, self.train, self.pool, self.ranks = model, data, train, pool, ranks
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.norms = batch_norms(model)
        self._needs_generator = any(isinstance(module, Dropout) for module in model.modules())

    def step(self, batch: Tensor, changes: Changes | None, epoch: int, step: int, stop: bool) -> Step:
        """Return the sums over a batch, and fold batch norm statistics into the model.

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

        def work(piece: int) -> Outcome:
            number = own[piece]
            return self._slice(parts[number], changes, len(batch), (epoch, step, number))

        outcomes = self.pool.map(work, len(own))
        if self.ranks.size > 1:
            outcomes, stop = self._exchange(outcomes, [len(part) for part in parts], stop)
        for norm in self.norms:
            norm.merge([(o.statistics[norm], o.rows) for o in outcomes if norm in o.statistics])
        first, *others = outcomes

        def add(part: slice) -> None:
            for outcome in others:  # slice order, not arrival order: float addition isn't associative
                torch._foreach_add_(first.gradients[part], outcome.gradients[part])

        self.pool.share(first.gradients, add)
        for outcome in others:
            first.figures.add_(outcome.figures)
        return Step(first.gradients, first.figures, stop)

    def _slice(self, rows: Tensor, changes: Changes | None, total: int, position: tuple[int, ...]) -> Outcome:
        figures = torch.zeros(FIGURES, dtype=torch.float64, device=rows.device)
        if len(rows) == 0:
            return Outcome([torch.zeros_like(p) for p in self.parameters], figures, {}, 0)
        x, y = self.data.x.index_select(0, rows), self.data.y.index_select(0, rows)
        if changes is not None:
            x = changes.apply(x, rows)
        with recording(SliceRecord(self._generator(rows.device, position))) as record:
            outputs = self.model(self.data.normalise(x))
            loss = loss_sum(outputs, y, self.train.label_smoothing)
        gradients = torch.autograd.grad(loss / total, self.parameters)
        figures[0] = loss.detach()
        if not y.is_floating_point():
            figures[1] = (predicted_classes(outputs.detach()) == y).sum()
        return Outcome(list(gradients), figures, record.statistics, len(rows))

    def _generator(self, device: torch.device, position: tuple[int, ...]) -> torch.Generator | None:
        if not self._needs_generator:
            return None
        return torch.Generator(device).manual_seed(seeds.derive(self.train.seed, "dropout", *position))

    def _exchange(self, own: list[Outcome], rows: list[int], stop: bool) -> tuple[list[Outcome], bool]:
        """Return the outcomes of all slices, in slice order, and whether any rank was asked to stop."""
        size = self.ranks.size
        places = -(-len(rows) // size)  # slices of the rank that has most
        width = sum(p.numel() for p in self.parameters) + sum(2 * n.num_features for n in self.norms)
        device = self.parameters[0].device
        floats = torch.zeros(places, width, device=device)
        figures = torch.zeros(places, FIGURES + len(self.norms) + 1, dtype=torch.float64, device=device)
        figures[:, -1] = float(stop)
        for place, outcome in enumerate(own):
            absent = [n for n in self.norms if n not in outcome.statistics]
            filled = {**outcome.statistics, **{n: floats.new_zeros(2, n.num_features) for n in absent}}
            pieces = [*outcome.gradients, *(filled[n] for n in self.norms)]
            floats[place] = torch.cat([piece.reshape(-1) for piece in pieces])
            figures[place, :FIGURES] = outcome.figures
            figures[place, FIGURES:-1] = torch.tensor([float(n not in absent) for n in self.norms])
        all_floats, all_figures = self.ranks.gather(floats), self.ranks.gather(figures)
        outcomes = [
            self._unpack(all_floats[n % size][n // size], all_figures[n % size][n // size], rows[n])
            for n in range(len(rows))
        ]
        return outcomes, any(bool(part[0, -1]) for part in all_figures)

    def _unpack(self, floats: Tensor, figures: Tensor, rows: int) -> Outcome:
        shapes = [p.shape for p in self.parameters] + [torch.Size((2, n.num_features)) for n in self.norms]
        pieces = [
            piece.reshape(shape)
            for piece, shape in zip(torch.split(floats, [s.numel() for s in shapes]), shapes, strict=True)
        ]
        count = len(self.parameters)
        present = figures[FIGURES:-1].tolist()
        statistics = {n: s for n, s, p in zip(self.norms, pieces[count:], present, strict=True) if p}
        return Outcome(pieces[:count], figures[:FIGURES], statistics, rows)
