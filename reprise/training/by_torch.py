"""A slice's gradient and a batch's loss by torch's own kernels: native numerics, and CUDA."""

from __future__ import annotations

from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from reprise.arithmetic.layers import Dropout, SliceRecord, recording
from reprise.arithmetic.table_layers import Members
from reprise.foundation import seeds
from reprise.model.losses import loss_sum, predicted_classes
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training.augment import Changes
from reprise.training.outcome import Outcome

_TORCHS_GENERATOR = Lock()


class TorchEngine:
    """Computes with torch's autograd.

    Parameters
    ----------
    model : nn.Module
    data : Rows
        The train split.
    train : Train
    class_weights : Tensor, shape (classes,), optional
        What the rows of each class count in the training loss; on the model's device.

    Attributes
    ----------
    parameters : list of Tensor
        What gradients are laid out like, and what the optimizer changes.
    """

    def __init__(
        self, model: nn.Module, data: Rows, train: Train, class_weights: Tensor | None = None
    ) -> None:
        self.model, self.data, self.train, self.class_weights = model, data, train, class_weights
        self.parameters: list[Tensor] = [p for p in model.parameters() if p.requires_grad]
        answers = [module.members for module in model.modules() if isinstance(module, Members)]
        self._members = answers[-1] if answers else 1
        self._torchs_draws = _draws_by_torch(model, data)
        self._needs_generator = any(isinstance(module, Dropout) for module in model.modules())

    def slice(
        self, _slot: int, rows: Tensor, changes: Changes | None, total: int, position: tuple[int, ...]
    ) -> Outcome:
        """Return the outcome of one slice (see `reprise.training.slices`)."""
        if not self._torchs_draws:
            return self._slice(rows, changes, total, position)
        with _TORCHS_GENERATOR:
            torch.manual_seed(seeds.derive(self.train.seed, "torch", *position))
            return self._slice(rows, changes, total, position)

    def _slice(self, rows: Tensor, changes: Changes | None, total: int, position: tuple[int, ...]) -> Outcome:
        x, y = self.data.x.index_select(0, rows), self.data.y.index_select(0, rows)
        if changes is not None:
            x = changes.apply(x, rows)
        with recording(SliceRecord(self._generator(rows.device, position))) as record:
            outputs = self.model(self.data.normalise(x))
            if self._members > 1:  # each has a loss of its own
                outputs, y = outputs.reshape(len(x) * self._members, -1), y.repeat_interleave(self._members)
            smoothing = self.train.label_smoothing
            loss = loss_sum(outputs, y, smoothing, self.class_weights) / self._members
        gradients = torch.autograd.grad(loss / total, self.parameters)
        loss_of_all, correct = _figures(loss, outputs, y)
        figures = loss_of_all, correct / self._members
        return Outcome(list(gradients), figures, record.statistics, len(rows))

    def judge(self, _slot: int, data: Rows, first: int, last: int) -> tuple[float, float]:
        """Return the sum of losses and the number of correct rows of a range of rows, in evaluation mode."""
        with torch.inference_mode():
            outputs = self.model(data.normalise(data.x[first:last]))
            y = data.y[first:last]
            return _figures(loss_sum(outputs, y), outputs, y)

    def _generator(self, device: torch.device, position: tuple[int, ...]) -> torch.Generator | None:
        if not self._needs_generator:
            return None
        return torch.Generator(device).manual_seed(seeds.derive(self.train.seed, "dropout", *position))


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives the class no types
    """Notices random numbers of torch's one generator, which slices would take from each other."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: bool = False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute one operation."""
        if torch.Tag.nondeterministic_seeded in func.tags and not (kwargs or {}).get("generator"):
            self.seen = True
        return func(*args, **(kwargs or {}))


def _draws_by_torch(model: nn.Module, data: Rows) -> bool:
    """Whether a network, which may be the user's own, draws random numbers in training but by `Dropout`."""
    trained = model.training
    device = data.y.device
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    record = SliceRecord(torch.Generator(device).manual_seed(0))
    kept = torch.random.fork_rng(devices)
    with _TORCHS_GENERATOR, kept, torch.no_grad(), recording(record), _Watch() as watch:
        model.train()(data.normalise(data.x[:2]))
    model.train(trained)
    return bool(watch.seen)


def _figures(loss: Tensor, outputs: Tensor, y: Tensor) -> tuple[float, float]:
    correct = 0.0 if y.is_floating_point() else float((predicted_classes(outputs.detach()) == y).sum())
    return float(loss.detach()), correct
