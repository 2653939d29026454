"""What the training loops that are compared train on, and the clock by which their speed is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mnist
import numpy as np
from numpy.typing import NDArray

BATCH = {"cnn": 128, "resnet18": 32, "mlp": 32}
SHAPES = {"cnn": (1, 28, 28), "resnet18": (3, 32, 32), "mlp": (20,)}
RATE = 0.00025
CLASSES = 10


class Data:
    """What a model trains on: MNIST, or random rows.

    Attributes
    ----------
    stored : ndarray
        uint8 images, or float32 features.
    y : ndarray, int64
    """

    def __init__(self, model: str, folder: Path | None) -> None:
        """Load MNIST from the folder first; None: random images in its place."""
        images = mnist.load(folder) if folder else None
        self.model, self.batch = model, BATCH[model]
        random = np.random.default_rng(1)
        rows = 1024 if model == "resnet18" else 8192
        if model == "cnn" and images:
            self.stored: NDArray[Any] = images.train_x
            self.y = images.train_y
        elif model != "mlp":
            self.stored = random.integers(0, 256, (rows, *SHAPES[model]), dtype=np.uint8)
            self.y = random.integers(0, CLASSES, rows)
        else:
            centres = random.normal(size=(CLASSES, *SHAPES[model]))
            self.y = random.integers(0, CLASSES, rows)
            self.stored = (centres[self.y] + random.normal(size=(rows, *SHAPES[model]))).astype(np.float32)

    @property
    def floats(self) -> NDArray[np.float32]:
        """What the rivals hold: inputs that were normalised once, before the training."""
        if self.stored.dtype == np.float32:
            return self.stored
        return ((self.stored - np.float32(mnist.MEAN)) / np.float32(mnist.STD)).astype(np.float32)


# How speeds are counted; `main` may choose processor time, which other work on the machine lengthens less.
CLOCK: list[Callable[[], float]] = [time.perf_counter]


def now() -> float:
    """Return the time by which speeds are counted."""
    return CLOCK[0]()
