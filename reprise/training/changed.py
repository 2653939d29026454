"""Random changes of rows by torch's operations: the bits of the kernels' augment.c, on any device."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from reprise.model.tensors import Rows
from reprise.training.augment import Changes
from reprise.training.maps import ONE

LUMA = (19595, 38470, 7471)  # of red, green and blue, in 2**-16: ITU-R 601-2, as Pillow has it


def changed_inputs(data: Rows, rows: Tensor, changes: Changes | None) -> Tensor:
    """Return rows as the model takes them: changed, normalised and mixed.

    Parameters
    ----------
    data : Rows
    rows : Tensor, shape (batch,), int64
    changes : Changes or None
    """
    if changes is None:
        return data.normalise(data.x.index_select(0, rows))
    own = _unmixed(data, rows, changes)
    if changes.partners is None or changes.shares is None:
        return own
    share = changes.shares[rows].reshape(-1, *[1] * (own.dim() - 1))
    return share * own + (1.0 - share) * _unmixed(data, changes.partners[rows], changes)


def _unmixed(data: Rows, rows: Tensor, changes: Changes) -> Tensor:
    x = data.x.index_select(0, rows)
    if changes.maps is None:
        return data.normalise(moved(x, rows, changes))
    x = mapped(x, changes.maps[rows])
    if changes.colours is not None:
        x = coloured(x, changes.colours[rows])
    floats = data.normalise(x)
    return floats if changes.holes is None else cut_out(floats, changes.holes[rows])


def moved(x: Tensor, rows: Tensor, changes: Changes) -> Tensor:
    """Return images mirrored and shifted by whole pixels; uncovered pixels are 0.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, height, width)
    rows : Tensor, shape (batch,)
        The images' row numbers.
    changes : Changes
    """
    if changes.mirrored is not None:
        x = torch.where(changes.mirrored[rows].reshape(-1, 1, 1, 1), x.flip(3), x)
    if changes.down is None or changes.right is None:
        return x
    height, width = x.shape[2:]
    padded = F.pad(x, (changes.reach,) * 4)
    # windows[n, :, d, r] is image n shifted by (d, r): a view, of which one window a row is copied.
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)
    return windows[torch.arange(len(x), device=x.device), :, changes.down[rows], changes.right[rows]]


def mapped(x: Tensor, maps: Tensor) -> Tensor:
    """Return images whose pixels come from where maps say, between four pixels in steps of 1/256.

    The border's pixels reach half a pixel beyond their centres; outside is 0.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, height, width), uint8
    maps : Tensor, shape (batch, 6), int32
    """
    height, width = x.shape[2:]
    u = 2 * torch.arange(width, dtype=torch.int32, device=x.device).reshape(1, 1, -1) + (1 - width)
    v = 2 * torch.arange(height, dtype=torch.int32, device=x.device).reshape(1, -1, 1) + (1 - height)
    m = maps.reshape(-1, 6, 1, 1).unbind(1)
    column, row = m[0] * u + m[1] * v + m[2], m[3] * u + m[4] * v + m[5]  # (batch, height, width)
    inside = (column >= -ONE // 2) & (column < width * ONE - ONE // 2)
    inside &= (row >= -ONE // 2) & (row < height * ONE - ONE // 2)
    left, top, across, along = column >> 16, row >> 16, (column >> 8) & 255, (row >> 8) & 255

    def taken(rows: Tensor, columns: Tensor) -> Tensor:
        place = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
        places = place.to(torch.int64).reshape(len(x), 1, -1).expand(-1, x.shape[1], -1)
        return x.reshape(len(x), x.shape[1], -1).gather(2, places).reshape(x.shape).to(torch.int32)

    across, along = across.unsqueeze(1), along.unsqueeze(1)
    above = (256 - across) * taken(top, left) + across * taken(top, left + 1)
    below = (256 - across) * taken(top + 1, left) + across * taken(top + 1, left + 1)
    return torch.where(inside.unsqueeze(1), _bytes((256 - along) * above + along * below), 0)


def coloured(x: Tensor, factors: Tensor) -> Tensor:
    """Return images with other brightness, then contrast, then saturation.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, height, width), uint8
    factors : Tensor, shape (batch, 3), int32
        In 2**-16.
    """
    brightness, contrast, saturation = factors.reshape(-1, 3, 1, 1, 1).unbind(1)
    in_colour = x.shape[1] == len(LUMA)
    x = _bytes(x.to(torch.int32) * brightness)
    seen = _gray(x) if in_colour else x.to(torch.int32)
    count = seen[0].numel()
    mean = (2 * seen.sum((1, 2, 3), keepdim=True, dtype=torch.int64) + count).div(
        2 * count, rounding_mode="floor"
    )
    x = _bytes(x.to(torch.int32) * contrast + mean.to(torch.int32) * (ONE - contrast))
    return _bytes(x.to(torch.int32) * saturation + _gray(x) * (ONE - saturation)) if in_colour else x


def cut_out(x: Tensor, holes: Tensor) -> Tensor:
    """Return normalised images with 0, which is the mean, in a rectangle of each.

    Parameters
    ----------
    x : Tensor, shape (batch, channels, height, width), float32
    holes : Tensor, shape (batch, 4), int32
        Top, left, bottom, right.
    """
    top, left, bottom, right = holes.reshape(-1, 4, 1, 1, 1).unbind(1)
    row = torch.arange(x.shape[2], device=x.device).reshape(-1, 1)
    column = torch.arange(x.shape[3], device=x.device)
    return torch.where((row >= top) & (row < bottom) & (column >= left) & (column < right), 0.0, x)


def _gray(x: Tensor) -> Tensor:
    """Return the luma of images in colour, int32, shape (batch, 1, height, width)."""
    red, green, blue = x.to(torch.int32).unbind(1)
    luma: Tensor = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue + ONE // 2) >> 16
    return luma.unsqueeze(1)


def _bytes(sums: Tensor) -> Tensor:
    """Return whole numbers of 2**-16 as the nearest bytes."""
    return ((sums + ONE // 2) >> 16).clamp(0, 255).to(torch.uint8)
