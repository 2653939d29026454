"""What a slice leaves, and who computes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from reprise.arithmetic.layers import BatchNorm
from reprise.model.tensors import Rows
from reprise.training.augment import Changes


@dataclass(frozen=True)
class Outcome:
    """What one slice leaves.

    Attributes
    ----------
    gradients : list of Tensor
        Like the engine's `parameters`, of the loss divided by the rows of the whole batch.
    figures : (float, float)
        Sum of losses, each times its class's weight, and number of correct rows.
    statistics : dict
        What batch norm layers saw, by layer; a slice too small for statistics has none.
    rows : int
    """

    gradients: list[Tensor]
    figures: tuple[float, float]
    statistics: dict[BatchNorm, Tensor]
    rows: int


class Engine(Protocol):
    """Computes slices; `slot` numbers the threads, each of which has one slice at a time."""

    parameters: list[Tensor]

    def slice(
        self, slot: int, rows: Tensor, changes: Changes | None, total: int, position: tuple[int, ...]
    ) -> Outcome:
        """Return the outcome of one slice of a batch of `total` rows.

        Parameters
        ----------
        slot : int
        rows : Tensor, shape (some rows,), int64
        changes : Changes or None
            The epoch's augmentation.
        total : int
        position : (epoch, step, slice)
            With the seed it decides all randomness.
        """

    def judge(self, slot: int, data: Rows, first: int, last: int) -> tuple[float, float]:
        """Return the sum of losses and the number of correct rows of a range of rows, in evaluation mode.

        Every row counts the same, whatever the classes' weights (see `reprise.training.class_weights`).
        """
