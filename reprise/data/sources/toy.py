"""Datasets that need no file: ten points near a line, and noise made from the seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reprise.data.raw import Raw
from reprise.foundation import seeds
from reprise.foundation.normal import normal
from reprise.foundation.room import require_memory
from reprise.settings.params import Prepare

LINE = (1.0, 1.3, 3.1, 2.0, 5.0, 6.3, 6.6, 7.4, 8.0, 9.0)


def line() -> Raw:
    """Return ten points near a line: x = 0 … 9 and y close to x."""
    return Raw(
        x=np.arange(10.0)[:, None],
        y=np.array(LINE),
        columns=("x",),
        target="y",
        classes=(),
        task="regression",
        layout="table",
        official_test=None,
        source="ten points near a line, part of Reprise",
        licence="Apache-2.0",
        raw={},
    )


def generated(params: Prepare) -> Raw:
    """Return `random` (normal features) or `uniform` (features in [0, 1)) with coin-flip labels.

    Nothing can be learned from them: they show what a test accuracy looks like when there is nothing.
    The first ``generated.train_rows`` rows are for training, the other ``generated.test_rows`` are test;
    how many there are of one kind doesn't change the other kind's values.
    """
    draw: Callable[..., NDArray[np.float64]]
    draw, words = {
        "random": (normal, "standard normal"),
        "uniform": (seeds.uniform, "uniform on [0, 1)"),
    }[params.dataset]
    size = params.generated
    require_memory(
        8 * (size.train_rows + size.test_rows) * size.features,
        "prepare.generated: train_rows, test_rows, features: the data",
        "use smaller ones",
    )
    parts = (("train", size.train_rows), ("test", size.test_rows))
    x = [
        draw(rows * size.features, params.seed, params.dataset, part, "features").reshape(rows, size.features)
        for part, rows in parts
    ]
    y = [seeds.integers(rows, 2, params.seed, params.dataset, part, "labels") for part, rows in parts]
    return Raw(
        x=np.concatenate(x),
        y=np.concatenate(y),
        columns=tuple(f"feature_{number}" for number in range(size.features)),
        target="coin",
        classes=("heads", "tails"),
        task="classification",
        layout="table",
        official_test=np.arange(size.train_rows + size.test_rows) >= size.train_rows,
        source=f"generated from prepare.seed: {words} features, coin-flip labels",
        licence="none needed: generated",
        raw={},
    )
