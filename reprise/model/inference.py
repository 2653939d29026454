"""A trained model at work: stored rows in, outputs out. Evaluation, predict and export share it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.arithmetic import places
from reprise.arithmetic.inputs import Inputs
from reprise.arithmetic.network import Network, compile_network
from reprise.arithmetic.parameters import PackedWeights, Parameters
from reprise.arithmetic.runner import Runner
from reprise.arithmetic.runtime import Device, choose_device, configure, uses_kernels
from reprise.foundation.parallel import in_order
from reprise.model.card import ModelCard
from reprise.model.file import load_model
from reprise.model.losses import class_probabilities, portable_probabilities
from reprise.model.tensors import Normaliser, normaliser
from reprise.own.errors import telling

LARGEST = 2**22  # floats of values that a thread holds at a time; more rows are computed piece by piece
DECIMALS = 9  # of probabilities, wherever they are ranked or written


class PortableProgram:
    """A model as a program of the kernels; any thread may ask it for outputs."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...]) -> None:
        self._network: Network = compile_network(module, shape)
        self._weights = PackedWeights(self._network, Parameters(module), training=False)
        self._idle: deque[Runner] = deque()
        found = places.uses(self._network, set())
        floats = places.for_outputs(self._network, found).total
        places.require(floats, 1, training=False)
        self._most_rows = max(1, LARGEST // floats)

    def outputs(self, x: Tensor, normalise: Normaliser) -> Tensor:
        """Return the outputs of stored inputs, float32 (rows, outputs)."""
        inputs = Inputs(x, normalise.mean, normalise.std)
        numbers = torch.arange(len(x))
        source = inputs.source()
        runner = self._runner(min(len(x), self._most_rows))
        made = []
        for part in torch.split(numbers, self._most_rows):
            source.numbers, source.rows = part.data_ptr(), len(part)
            made.append(runner.outputs(source))
        self._idle.append(runner)
        return made[0] if len(made) == 1 else torch.cat(made)

    def _runner(self, rows: int) -> Runner:
        """Return one that no other thread uses and that is large enough."""
        try:
            runner = self._idle.pop()
        except IndexError:
            return Runner(self._network, self._weights, rows, training=False)
        return runner if runner.rows >= rows else Runner(self._network, self._weights, rows, training=False)


def rounded(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return probabilities with `DECIMALS` decimals."""
    return np.asarray(np.rint(exact * 10.0**DECIMALS) / 10.0**DECIMALS)


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
    program : PortableProgram or None
        Computes with the kernels; None: torch does.
    """

    module: nn.Module
    card: ModelCard
    device: torch.device
    normalise: Normaliser
    workers: int
    program: PortableProgram | None = None

    def outputs(self, batches: Iterable[NDArray[Any]]) -> Iterator[Tensor]:
        """Return the outputs of each batch in order, float32 (rows, outputs), on the CPU.

        With the kernels a row's bits don't depend on its batch; with torch, the same rows in batches of
        another size may differ in the last one.

        Parameters
        ----------
        batches : iterable of array (rows, *shape)
            Stored inputs (see `reprise.prepared.schema.Schema`); at most `workers` + 1 are held at a time.
        """
        # On CUDA batches follow each other on one stream anyway.
        return in_order(self._forward, batches, 1 if self.device.type == "cuda" else self.workers)

    def probabilities(self, outputs: Tensor) -> NDArray[np.float64]:
        """Return every class's probability, shape (rows, classes), `rounded`.

        What evaluation ranks and what predict writes are the same numbers.
        """
        return rounded(self.exact_probabilities(outputs))

    def exact_probabilities(self, outputs: Tensor) -> NDArray[np.float64]:
        """Return them as they were computed, in 64 bits: 32 would make equal what is not."""
        if self.program is not None:
            return portable_probabilities(outputs)
        return np.asarray(class_probabilities(outputs.to(torch.float64)).numpy())

    def _forward(self, batch: NDArray[Any]) -> Tensor:
        if self.program is not None:
            return self.program.outputs(torch.from_numpy(batch), self.normalise)
        with torch.inference_mode(), telling(None):
            x = torch.from_numpy(batch).to(self.device)
            outputs: Tensor = self.module(self.normalise(x))
            return outputs.cpu()


def load_inference(
    folder: Path, device: Literal["auto", "cpu", "cuda"], workers: int = 1, *, trust: bool = False
) -> Inference:
    """Return the model of a folder, computing as it was trained.

    On auto, a model that was trained on a CPU stays there: that is where its bytes are the same. `trust` is
    `load_model`'s.
    """
    module, card = load_model(folder, trust=trust)
    trained_on = "cuda" if card.arithmetic == "cuda" else "cpu"
    chosen: Device = "cpu" if device == "auto" and trained_on == "cpu" else choose_device(device)
    if chosen != trained_on:
        print(
            f"note: the model was trained on {trained_on} and computes on {chosen}; "
            "figures can differ in their last digits",
            file=sys.stderr,
        )
    configure(chosen, card.train.numerics, tf32=card.train.tf32)
    return inference_of(module, card, chosen, workers)


def inference_of(module: nn.Module, card: ModelCard, device: Device, workers: int) -> Inference:
    """Return a model in evaluation mode, computing on a device in its own numerics (see `configure`)."""
    target = torch.device(device)
    portable = uses_kernels(target, card.train.numerics)
    program = PortableProgram(module, card.data.shape) if portable else None
    return Inference(module.to(target), card, target, normaliser(card.data, target), workers, program)
