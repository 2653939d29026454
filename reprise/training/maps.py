"""Crops, rotations, shifts and mirror images as one map a row: where the pixels of its image come from.

With u = 2 · column + 1 − width and v = 2 · row + 1 − height of a pixel, it comes from the column
(m0 · u + m1 · v + m2) / 2**16 and the row (m3 · u + m4 · v + m5) / 2**16. A map is made of whole numbers, so
that every machine and device finds the same places; an image that only moves by pixels has exact ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.foundation import seeds
from reprise.foundation.elementary import circle, exp
from reprise.settings.params import Augment

ONE = 2**16
ANGLES = 3600  # of a turn: rotations are by tenths of a degree
LOG_RATIO = 0.28768207245178093  # ln 4/3: the sides of a crop are as 3 to 4 at most
Floats = NDArray[np.float64]


def drawn_maps(
    augment: Augment,
    shape: tuple[int, ...],
    rows: int,
    seed: int,
    epoch: int,
    moved: Mapping[str, NDArray[Any]],
) -> NDArray[np.int32]:
    """Return an epoch's maps, shape (rows, 6).

    An image is mirrored, a part of it cropped and enlarged, turned about the middle, then shifted.

    Parameters
    ----------
    augment : Augment
    shape : (channels, height, width)
    rows, seed, epoch : int
    moved : mapping
        What was drawn of ``down``, ``right`` (0 … 2 · shift) and ``mirrored``, each shape (rows,).
    """
    height, width = shape[1:]
    sine, cosine = _turns(augment.rotate, rows, seed, epoch)
    tall, wide, below, beside = _parts(augment.crop, rows, seed, epoch)
    right, down = (moved[name] - float(augment.shift) if name in moved else 0.0 for name in ("right", "down"))
    sign = np.where(moved["mirrored"], -1.0, 1.0) if "mirrored" in moved else np.ones(rows)
    # In pixels from the middle: what comes to (x, y) lies, turned back, at (cos x - sin y, sin x + cos y).
    column = wide * (cosine * right - sine * down) + beside * width
    row = tall * (sine * right + cosine * down) + below * height
    maps = [
        (ONE // 2) * sign * (wide * cosine), (ONE // 2) * -sign * (wide * sine),
        ONE * (sign * column + (width - 1) / 2),
        (ONE // 2) * (tall * sine), (ONE // 2) * (tall * cosine),
        ONE * (row + (height - 1) / 2),
    ]  # fmt: skip
    rounded: NDArray[np.int32] = np.rint(np.stack(maps, axis=1)).astype(np.int32)
    return rounded


def _turns(degrees: int, rows: int, seed: int, epoch: int) -> tuple[Floats, Floats]:
    """Return the sines and cosines of random angles."""
    most = degrees * ANGLES // 360
    if most == 0:
        return np.zeros(rows), np.ones(rows)
    steps = seeds.integers(rows, 2 * most + 1, seed, "rotate", epoch) - most
    sines, cosines = circle(ANGLES)
    return sines[steps % ANGLES], cosines[steps % ANGLES]


def _parts(least: float, rows: int, seed: int, epoch: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Return height and width of random parts as shares of the image's, and how far their middles are off.

    The area is uniform from `least` to 1, the ratio of the sides from 3/4 to 4/3, as much below 1 as above
    (Szegedy et al., 2015); a side longer than the image's is cut to it.
    """
    if least == 1.0:
        return np.ones(rows), np.ones(rows), np.zeros(rows), np.zeros(rows)
    area = least + (1.0 - least) * seeds.uniform(rows, seed, "crop area", epoch)
    ratio = exp(LOG_RATIO * (2.0 * seeds.uniform(rows, seed, "crop ratio", epoch) - 1.0))
    tall, wide = np.minimum(np.sqrt(area / ratio), 1.0), np.minimum(np.sqrt(area * ratio), 1.0)
    below = (1.0 - tall) * (seeds.uniform(rows, seed, "crop down", epoch) - 0.5)
    beside = (1.0 - wide) * (seeds.uniform(rows, seed, "crop right", epoch) - 0.5)
    return tall, wide, below, beside
