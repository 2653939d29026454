"""Random shifts and mirror images, decided per row and epoch, applied to stored images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from reprise.foundation import seeds
from reprise.settings.params import Augment


@dataclass(frozen=True)
class Changes:
    """What happens to each row's image in one epoch: a function of (seed, epoch, row) alone.

    Attributes
    ----------
    reach : int
        The largest shift in pixels.
    down, right : Tensor or None
        Shift of each row, 0 … 2 × reach, where `reach` means none; shape (rows,).
    mirrored : Tensor or None
        Whether each row is mirrored; bool, shape (rows,).
    """

    reach: int
    down: Tensor | None
    right: Tensor | None
    mirrored: Tensor | None

    def apply(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return changed copies of images; uncovered pixels are 0.

        Parameters
        ----------
        x : Tensor, shape (batch, channels, height, width)
        rows : Tensor, shape (batch,)
            The images' row numbers.
        """
        if self.mirrored is not None:
            x = torch.where(self.mirrored[rows].reshape(-1, 1, 1, 1), x.flip(3), x)
        if self.down is None or self.right is None:
            return x
        height, width = x.shape[2:]
        padded = F.pad(x, (self.reach,) * 4)
        # windows[n, :, d, r] is image n shifted by (d, r): a view, of which one window a row is copied.
        windows = padded.unfold(2, height, 1).unfold(3, width, 1)
        return windows[torch.arange(len(x), device=x.device), :, self.down[rows], self.right[rows]]


def draw(augment: Augment, rows: int, seed: int, epoch: int, device: torch.device) -> Changes | None:
    """Return an epoch's changes, or None when nothing is to be changed."""
    if augment.shift == 0 and not augment.flip:
        return None
    down = right = mirrored = None
    if augment.shift > 0:
        span = 2 * augment.shift + 1
        down, right = (
            torch.from_numpy(seeds.integers(rows, span, seed, purpose, epoch)).to(device)
            for purpose in ("shift down", "shift right")
        )
    if augment.flip:
        mirrored = torch.from_numpy(seeds.integers(rows, 2, seed, "mirror", epoch) == 1).to(device)
    return Changes(augment.shift, down, right, mirrored)
