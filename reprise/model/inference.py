"""A trained model at work: stored rows in, outputs out. Evaluation, predict and export share it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.foundation.parallel import in_order
from reprise.model.card import ModelCard
from reprise.model.file import load_model
from reprise.model.losses import class_probabilities
from reprise.model.portable import portable
from reprise.model.tensors import Normaliser, normaliser
from reprise.numerics.runtime import Device, choose_device, configure

DECIMALS = 9  # of probabilities, wherever they are ranked or written


@dataclass(frozen=True)
class Inference:
    """A model ready to compute.

    Attributes
    ----------
    module : nn.Module
        In evaluation mode, on the device.
    card : ModelCard
    device : torch.device
    normalise : Normaliser
        Turns stored inputs into those that `module` takes.
    workers : int
        Threads that compute batches at the same time.
    """

    module: nn.Module
    card: ModelCard
    device: torch.device
    normalise: Normaliser
    workers: int

    def outputs(self, batches: Iterable[NDArray[Any]]) -> Iterator[Tensor]:
        """Return the outputs of each batch in order, float32 (rows, outputs), on the CPU.

        The batches are what fixes the bits: the same rows in batches of another size may differ in the
        last one.

        Parameters
        ----------
        batches : iterable of array (rows, *shape)
            Stored inputs (see `reprise.prepared.schema.Schema`); at most `workers` + 1 are held at a time.
        """
        # On CUDA batches follow each other on one stream anyway.
        return in_order(self._forward, batches, 1 if self.device.type == "cuda" else self.workers)

    def _forward(self, batch: NDArray[Any]) -> Tensor:
        with torch.inference_mode():
            x = torch.from_numpy(batch).to(self.device)
            outputs: Tensor = self.module(self.normalise(x))
            return outputs.cpu()


def load_inference(folder: Path, device: Literal["auto", "cpu", "cuda"], workers: int = 1) -> Inference:
    """Return the model of a folder, computing as it was trained.

    `reprise.numerics.runtime.pin` must have run with the numerics of the model card. On auto, a model
    that was trained on a CPU stays there: that is where its bytes are the same.
    """
    module, card = load_model(folder)
    trained_on = "cuda" if card.arithmetic == "cuda" else "cpu"
    chosen: Device = "cpu" if device == "auto" and trained_on == "cpu" else choose_device(device)
    if chosen != trained_on:
        print(
            f"note: the model was trained on {trained_on} and computes on {chosen}; "
            "figures can differ in their last digits",
            file=sys.stderr,
        )
    configure(chosen, card.train.numerics, tf32=card.train.tf32)
    if card.train.numerics == "portable":
        module = portable(module)  # the same kernels as in training
    target = torch.device(chosen)
    return Inference(module.to(target), card, target, normaliser(card.data, target), workers)


def probabilities(outputs: Tensor) -> NDArray[np.float64]:
    """Return every class's probability, shape (rows, classes), rounded to `DECIMALS`.

    What evaluation ranks and what predict writes are the same numbers. They are computed in 64 bits:
    32 would make equal what is not.
    """
    exact = class_probabilities(outputs.to(torch.float64))
    return np.rint(exact.numpy() * 10.0**DECIMALS) / 10.0**DECIMALS
