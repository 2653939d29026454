"""Layers whose statistics and random numbers belong to a slice of a batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class SliceRecord:
    """What the layers of one forward pass by torch need to know, and what they leave behind.

    One record belongs to one slice of one step. It is thread-local, because several slices pass through
    the same modules at the same time.
    """

    generator: torch.Generator | None  # for dropout; seeded by (seed, epoch, step, slice)
    statistics: dict[BatchNorm, Tensor] = field(default_factory=dict)  # (2, channels): mean, variance


_current = threading.local()


@contextmanager
def recording(record: SliceRecord) -> Iterator[SliceRecord]:
    """Make `record` the one that this thread's layers use inside the block."""
    _current.record = record
    try:
        yield record
    finally:
        del _current.record


class Dropout(nn.Module):
    """Dropout whose mask belongs to the slice (Srivastava et al., 2014)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with elements dropped and the others scaled up; `x` itself in evaluation."""
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        generator: torch.Generator | None = _current.record.generator
        mask = torch.empty_like(x).bernoulli_(keep, generator=generator)
        return x * mask.div_(keep)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over a slice (Hoffer et al., 2017, "ghost" batches); running statistics move once a step.

    In training the slice is normalised with its own statistics, which are left in the slice's record;
    `merge` folds those of all slices into the running ones, in slice order.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, shape (rows, channels, height, width)."""
        values_per_channel = x.numel() // x.shape[1]
        if not self.training or values_per_channel == 1:
            # One value has no variance: such a slice is normalised with the running statistics.
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        statistics = torch.zeros(2, x.shape[1], dtype=x.dtype, device=x.device)
        # Momentum 1 makes torch write the slice's own mean and unbiased variance into the two rows.
        out = F.batch_norm(x, statistics[0], statistics[1], self.weight, self.bias, True, 1.0, self.eps)
        _current.record.statistics[self] = statistics
        return out

    def merge(self, slices: list[tuple[Tensor, int]]) -> None:
        """Move the running statistics towards the slices' mean, weighted by rows, in slice order.

        Parameters
        ----------
        slices : list of (statistics, rows)
            The (2, channels) statistics that each slice left.
        """
        if not slices or self.running_mean is None or self.running_var is None:
            return
        total = sum(rows for _, rows in slices)
        merged = torch.zeros_like(slices[0][0])
        for statistics, rows in slices:  # slice order, not arrival order: addition isn't associative
            merged += statistics * (rows / total)
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.mul_(1.0 - momentum).add_(merged[0] * momentum)
        self.running_var.mul_(1.0 - momentum).add_(merged[1] * momentum)


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """Return the model's batch norm layers in the order of their definition."""
    return [module for module in model.modules() if isinstance(module, BatchNorm)]
