"""Prepared data as torch tensors, resident on a device; images are normalised as they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from reprise.prepared.schema import Schema, SplitName, Statistics
from reprise.prepared.shards import read_split


@dataclass(frozen=True)
class Normaliser:
    """Turns stored inputs into the floats that the model sees.

    Attributes
    ----------
    mean, std : Tensor or None
        Shape (channels, 1, 1), or None when the stored values are used as they are.
    """

    mean: Tensor | None
    std: Tensor | None

    def __call__(self, x: Tensor) -> Tensor:
        """Return float32 inputs of the same shape."""
        floats = x.to(torch.float32)
        if self.mean is None or self.std is None:
            return floats
        return floats.sub(self.mean).div_(self.std)


def normaliser(schema: Schema, device: torch.device) -> Normaliser:
    """Return what normalises stored rows: tables are stored normalised, images are not."""
    if schema.layout == "table" or schema.inputs is None:
        return Normaliser(None, None)
    return Normaliser(_per_channel(schema.inputs.mean, device), _per_channel(schema.inputs.std, device))


def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).reshape(-1, 1, 1)


@dataclass(frozen=True)
class Rows:
    """A split's rows on a device.

    Attributes
    ----------
    x : Tensor, shape (rows, *shape)
        As stored: float32 (tables) or uint8 (images).
    y : Tensor, shape (rows,)
        int64 class numbers, or float32 values, scaled when the schema has a target scale.
    normalise : Normaliser
    """

    x: Tensor
    y: Tensor
    normalise: Normaliser

    def __len__(self) -> int:
        return len(self.y)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (normalised inputs, targets) in row order; the last batch may be smaller."""
        for start in range(0, len(self), size):
            yield self.normalise(self.x[start : start + size]), self.y[start : start + size]


def load_rows(folder: Path, schema: Schema, split: SplitName, device: torch.device) -> Rows:
    """Read a split of prepared data onto a device."""
    arrays = read_split(folder, schema, split)
    y = torch.from_numpy(arrays.y)
    if schema.target_scale is not None:
        y = scale_target(y, schema.target_scale)
    return Rows(torch.from_numpy(arrays.x).to(device), y.to(device), normaliser(schema, device))


def scale_target(y: Tensor, scale: Statistics) -> Tensor:
    """Return targets in units of the train split's deviation, around its mean."""
    return (y - scale.mean[0]) / scale.std[0]


def unscale_target(y: Tensor, scale: Statistics | None) -> Tensor:
    """Return targets or predictions in their own unit again."""
    return y if scale is None else y * scale.std[0] + scale.mean[0]
