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
from reprise.model.losses import loss_sum, losses, predicted_classes
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training.augment import Changes
from reprise.training.changed import changed_inputs
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
        x = changed_inputs(self.data, rows, changes)
        with recording(SliceRecord(self._generator(rows.device, position))) as record:
            outputs = self.model(x)
            if self._members > 1:  # each has a loss of its own
                outputs, rows = (
                    outputs.reshape(len(x) * self._members, -1),
                    rows.repeat_interleave(self._members),
                )
            loss, correct = self._judged(outputs, rows, changes)
            loss = loss / self._members
        gradients = torch.autograd.grad(loss / total, self.parameters)
        figures = float(loss.detach()), correct / self._members
        return Outcome(list(gradients), figures, record.statistics, len(x))

    def _judged(self, outputs: Tensor, rows: Tensor, changes: Changes | None) -> tuple[Tensor, float]:
        """Return the sum of losses and the number of correct rows; mixed rows count for both targets."""
        y, smoothing = self.data.y.index_select(0, rows), self.train.label_smoothing
        if changes is None or changes.partners is None or changes.shares is None:
            loss = loss_sum(outputs, y, smoothing, self.class_weights)
            return loss, _correct(outputs, y)
        share, other = changes.shares[rows], self.data.y.index_select(0, changes.partners[rows])
        loss = (share * losses(outputs, y, smoothing, self.class_weights)).sum() + (
            (1.0 - share) * losses(outputs, other, smoothing, self.class_weights)
        ).sum()
        return loss, _correct(outputs, y, share) + _correct(outputs, other, 1.0 - share)

    def judge(self, _slot: int, data: Rows, first: int, last: int) -> tuple[float, float]:
        """Return the sum of losses and the number of correct rows of a range of rows, in evaluation mode."""
        with torch.inference_mode():
            outputs = self.model(data.normalise(data.x[first:last]))
            y = data.y[first:last]
            return float(loss_sum(outputs, y)), _correct(outputs, y)

    def _generator(self, device: torch.device, position: tuple[int, ...]) -> torch.Generator | None:
        if not self._needs_generator:
            return None
        return torch.Generator(device).manual_seed(seeds.derive(self.train.seed, "dropout", *position))


def _correct(outputs: Tensor, y: Tensor, weights: Tensor | None = None) -> float:
    """Return how many rows are correct, or the sum of their weights; 0 for numbers."""
    if y.is_floating_point():
        return 0.0
    correct = predicted_classes(outputs.detach()) == y
    return float(correct.sum() if weights is None else (correct * weights.to(torch.float64)).sum())


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch gives the class no types
    """Notices random numbers of torch's one generator, which slices would take from each other."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
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
