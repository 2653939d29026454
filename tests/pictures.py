"""Pictures drawn for tests, of classes that can be told apart, and prepared data of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from reprise.images.prepare import prepare_images
from reprise.prepared.schema import Schema
from reprise.settings.params import Images, Prepare, Split

SHAPES = ("circle", "square", "triangle")


def draw(shape: str, number: int, side: int = 240) -> Image.Image:
    """Return a shape of a random colour, place and size before a noisy background."""
    rng = np.random.default_rng([SHAPES.index(shape), number])
    noise = rng.integers(60, 160, 3) + rng.integers(0, 60, (side, side, 3))
    picture = Image.fromarray(noise.astype(np.uint8))
    pen, colour = ImageDraw.Draw(picture), tuple(int(v) for v in rng.integers(0, 256, 3))
    size = int(rng.integers(side // 3, side // 2))
    left, top = (int(v) for v in rng.integers(5, side - size - 5, 2))
    if shape == "triangle":
        pen.polygon([(left, top + size), (left + size, top + size), (left + size // 2, top)], fill=colour)
    else:
        make = pen.ellipse if shape == "circle" else pen.rectangle
        make((left, top, left + size, top + size), fill=colour)
    return picture


def folder_of_shapes(root: Path, count: int, first: int = 0, side: int = 240) -> Path:
    """Write `count` pictures of each shape."""
    for shape in SHAPES:
        (root / shape).mkdir(parents=True)
        for number in range(count):
            draw(shape, first + number, side).save(root / shape / f"{number:03}.png")
    return root


def prepared_shapes(root: Path, out: Path, **prepare: Any) -> Schema:
    """Prepare a folder as pretrained networks take it."""
    settings = {"normalise": "none", "split": Split(test=0.25, val=0.0), **prepare}
    return prepare_images(
        Prepare(dataset="images", images=Images(path=str(root), pixels=224), **settings), out
    )
