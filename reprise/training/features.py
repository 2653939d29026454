"""The features of pictures by a backbone that isn't trained: computed once, and kept for the next training.

``.state/features/<hash>`` holds them in parts. The hash is over the backbone's weights, the prepared data,
the code that computes them and the versions: another head needs none of them anew, and a kill costs one part.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load
from torch import Tensor, nn

import reprise
import reprise.arithmetic
import reprise.model
from reprise.arithmetic.runtime import uses_kernels
from reprise.foundation.files import sha256_bytes, tensors_bytes, write_bytes
from reprise.foundation.parallel import in_order
from reprise.model.inference import PortableProgram
from reprise.model.tensors import Normaliser, Rows
from reprise.prepared.schema import SCHEMA_FILE, SplitName
from reprise.settings.params import Train
from reprise.training.checkpoint import fingerprint, state_root
from reprise.training.ranks import Ranks

PART = 256  # pictures whose features are saved together
AT_ONCE = 8  # pictures that a thread computes together
KEPT = 5  # backbones and data whose features stay, the last used ones
ROOMS = (reprise.arithmetic, reprise.model)  # whose code decides what features are


class FeatureStore:
    """Features of one backbone for one prepared data, on disk.

    Parameters
    ----------
    backbone : nn.Module
        In its inference form, from stored pictures to features.
    prepared : Path
    train : Train
    device : torch.device
        Where the backbone is.
    workers : int
        Threads that share the pictures out; the features don't depend on it.
    ranks : Ranks
    """

    def __init__(
        self,
        backbone: nn.Module,
        prepared: Path,
        train: Train,
        device: torch.device,
        workers: int,
        ranks: Ranks,
    ) -> None:
        self.backbone, self.device, self.workers, self.ranks = backbone, device, workers, ranks
        self.portable = uses_kernels(device, train.numerics)
        tensors = {name: tensor.cpu().numpy() for name, tensor in backbone.state_dict().items()}
        settings = [sha256_bytes(tensors_bytes(tensors)), self.portable, device.type]
        name = fingerprint(
            settings,
            [prepared / SCHEMA_FILE, *_code()],
            {"torch": torch.__version__, "reprise": reprise.__version__},
        )
        self.folder = state_root() / "features" / name[:32]

    def rows(self, split: SplitName, pictures: Rows, between: Callable[[int], None]) -> Rows:
        """Return a split's features in the place of its pictures.

        Parameters
        ----------
        split : {"train", "val"}
        pictures : Rows
        between : callable
            Told how many pictures are done now and then; what it raises ends the work.
        """
        forward = self._forward(pictures)
        starts = list(range(0, len(pictures), PART))
        turn = len(starts) * self.ranks.rank // self.ranks.size  # each process begins elsewhere
        parts: dict[int, NDArray[np.float32]] = {}
        for done, start in enumerate(starts[turn:] + starts[:turn]):
            path = self.folder / f"{split}-{start // PART:05d}"
            found = _read(path)
            if found is None:
                ends = range(start, min(start + PART, len(pictures)), AT_ONCE)
                batches = (pictures.x[first : min(first + AT_ONCE, start + PART)] for first in ends)
                made = []
                for count, features in enumerate(in_order(forward, batches, self.workers), 1):
                    made.append(features.numpy())
                    between(min(done * PART + count * AT_ONCE, len(pictures)))
                found = np.concatenate(made)
                _write(path, found)
            parts[start] = found
        x = (
            torch.from_numpy(np.concatenate([parts[start] for start in starts]))
            if starts
            else torch.empty(0, 1)
        )
        return Rows(x.to(self.device), pictures.y, Normaliser(None, None))

    def tidy(self) -> None:
        """Mark this store as used, and remove those that were not for the longest time."""
        if not self.folder.is_dir():
            return
        os.utime(self.folder)
        others = sorted(self.folder.parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in others[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)

    def _forward(self, pictures: Rows) -> Callable[[Tensor], Tensor]:
        if self.portable:
            program = PortableProgram(self.backbone, tuple(pictures.x.shape[1:]))
            return lambda x: program.outputs(x, pictures.normalise)

        def by_torch(x: Tensor) -> Tensor:
            with torch.inference_mode():
                made: Tensor = self.backbone(pictures.normalise(x))
                return made.cpu()

        return by_torch


def _code() -> Iterator[Path]:
    for room in ROOMS:
        folder = Path(str(room.__file__)).parent
        yield from (path for path in folder.rglob("*") if path.suffix in (".py", ".c", ".h"))


def _write(path: Path, features: NDArray[np.float32]) -> None:
    body = tensors_bytes({"x": features})
    write_bytes(path, sha256_bytes(body).encode() + b"\n" + body)


def _read(path: Path) -> NDArray[Any] | None:
    """Return a part's features; None when there are none or the file is damaged."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return None
    return load(body)["x"] if head.decode("ascii", "replace") == sha256_bytes(body) else None
