"""MNIST as every process of a benchmark loads it, before anything else.

glibc keeps freed memory only after a process has freed a block of some megabytes, which loading a dataset
does. A process that never did pays page faults in every step and is a fifth slower: no fair rival. Only NumPy
is needed here, because the rivals' interpreters need not have Reprise's packages.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "data/raw/mnist", ROOT.parent / "shared/data/mnist")
NAMES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
)  # fmt: skip
MEAN, STD = 33.3, 78.6  # of all pixels, about


Images = NDArray[np.uint8]


class Mnist(NamedTuple):
    """Images uint8 (rows, 1, 28, 28) and classes int64 (rows,)."""

    train_x: Images
    train_y: NDArray[np.int64]
    test_x: Images
    test_y: NDArray[np.int64]


def folder() -> Path:
    """Return where the four idx files lie."""
    found = [path for path in FOLDERS if (path / "train-images-idx3-ubyte.gz").is_file()]
    if not found:
        raise SystemExit("benchmarks: MNIST isn't in data/raw/mnist; fetch it, or give --mnist FOLDER")
    return found[0]


def load(path: Path) -> Mnist:
    """Read the files."""
    train_x, train_y, test_x, test_y = (_read(path / f"{name}.gz") for name in NAMES)
    return Mnist(train_x[:, None], train_y.astype(np.int64), test_x[:, None], test_y.astype(np.int64))


def _read(path: Path) -> Images:
    data = gzip.decompress(path.read_bytes())
    start = 4 + 4 * data[3]
    return np.frombuffer(data, np.uint8, offset=start).reshape(np.frombuffer(data[4:start], ">u4")).copy()
