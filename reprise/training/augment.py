"""Random changes of training rows, decided per row and epoch: what is drawn.

How they are applied stands in the kernels' augment.c and, for torch, in `reprise.training.changed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reprise.foundation import seeds
from reprise.settings.params import Augment
from reprise.training.maps import ONE, drawn_maps
from reprise.training.mixing import drawn_partners, drawn_shares


@dataclass(frozen=True)
class Changes:
    """What happens to each row in one epoch: a function of (seed, epoch, row) alone.

    Attributes
    ----------
    reach : int
        The largest shift in pixels.
    down, right : Tensor or None
        Shift of each row, 0 … 2 × reach, where `reach` means none; shape (rows,).
    mirrored : Tensor or None
        Whether each row is mirrored; bool, shape (rows,).
    maps : Tensor or None
        Where the pixels of each row's image come from, shifts and mirror images included; int32,
        shape (rows, 6), see `reprise.training.maps`.
    colours : Tensor or None
        Factors of brightness, contrast and saturation, in 2**-16; int32, shape (rows, 3). With `maps` alone.
    holes : Tensor or None
        Top, left, bottom and right of what is cut out; int32, shape (rows, 4). With `maps` alone.
    partners : Tensor or None
        The row that each row is mixed with; int64, shape (rows,).
    shares : Tensor or None
        The row's own share of the mixture; float32, shape (rows,).
    """

    reach: int = 0
    down: Tensor | None = None
    right: Tensor | None = None
    mirrored: Tensor | None = None
    maps: Tensor | None = None
    colours: Tensor | None = None
    holes: Tensor | None = None
    partners: Tensor | None = None
    shares: Tensor | None = None


def draw(
    augment: Augment, rows: int, shape: tuple[int, ...], seed: int, epoch: int, device: torch.device
) -> Changes | None:
    """Return an epoch's changes, or None when nothing is to be changed.

    Parameters
    ----------
    augment : Augment
    rows : int
        All rows of the train split.
    shape : tuple of int
        Of one row: (channels, height, width), or (features,), of which only mixtures can be made.
    seed, epoch : int
    device : torch.device
        Where the rows are.
    """
    drawn: dict[str, NDArray[Any]] = {}
    if augment.shift > 0:
        for name in ("down", "right"):
            drawn[name] = seeds.integers(rows, 2 * augment.shift + 1, seed, f"shift {name}", epoch)
    if augment.flip:
        drawn["mirrored"] = seeds.integers(rows, 2, seed, "mirror", epoch) == 1
    if changes_pixels(augment):
        # Shifts and mirror images too, so that an image is sampled once.
        drawn = {"maps": drawn_maps(augment, shape, rows, seed, epoch, drawn)}
        if augment.brightness > 0.0 or augment.contrast > 0.0 or augment.saturation > 0.0:
            drawn["colours"] = _factors(augment, rows, seed, epoch)
        if augment.cutout > 0:
            drawn["holes"] = _holes(augment.cutout, shape, rows, seed, epoch)
    if augment.mixup > 0.0:
        drawn["partners"] = drawn_partners(rows, seed, epoch)
        drawn["shares"] = drawn_shares(augment.mixup, rows, seed, epoch)
    if not drawn:
        return None
    return Changes(
        augment.shift, **{name: torch.from_numpy(values).to(device) for name, values in drawn.items()}
    )


def changes_pixels(augment: Augment) -> bool:
    """Tell whether images are changed by more than whole pixels that move."""
    more = (augment.brightness, augment.contrast, augment.saturation, augment.rotate, augment.cutout)
    return augment.crop < 1.0 or any(value > 0 for value in more)


def _factors(augment: Augment, rows: int, seed: int, epoch: int) -> NDArray[np.int32]:
    strengths = {name: getattr(augment, name) for name in ("brightness", "contrast", "saturation")}
    factors = [
        1.0 + strength * (2.0 * seeds.uniform(rows, seed, name, epoch) - 1.0)
        for name, strength in strengths.items()
    ]
    rounded: NDArray[np.int32] = np.rint(ONE * np.stack(factors, axis=1)).astype(np.int32)
    return rounded


def _holes(side: int, shape: tuple[int, ...], rows: int, seed: int, epoch: int) -> NDArray[np.int32]:
    """Return squares around pixels of the image, cut at its border (DeVries and Taylor, 2017)."""
    height, width = shape[1:]
    top = seeds.integers(rows, height, seed, "hole down", epoch) - side // 2
    left = seeds.integers(rows, width, seed, "hole right", epoch) - side // 2
    corners = np.stack([top, left, top + side, left + side], axis=1)
    return np.clip(corners, 0, [height, width, height, width]).astype(np.int32)
