"""A slice's gradient and a batch's loss by the kernels: portable numerics on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reprise.arithmetic.drafts import Kind
from reprise.arithmetic.inputs import Inputs
from reprise.arithmetic.layers import BatchNorm
from reprise.arithmetic.network import compile_network
from reprise.arithmetic.parameters import PackedWeights, Parameters
from reprise.arithmetic.runner import Runner
from reprise.arithmetic.structures import RowSource, SliceJob
from reprise.foundation import seeds
from reprise.model.losses import kernel_loss
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training.augment import Changes
from reprise.training.outcome import Outcome


class KernelEngine:
    """Runs the model as a program, one call a slice.

    Parameters
    ----------
    model : nn.Module
        Its parameters become views of one tensor, which the optimizer changes.
    data : Rows
        The train split.
    train : Train
    validation_rows : int
        The most rows that `judge` is asked for.
    class_weights : Tensor, shape (classes,), optional
        What the rows of each class count in the training loss.

    Attributes
    ----------
    parameters : list of one Tensor
        All that are trained, side by side.
    packed : Parameters
        Those and the ones that are not trained; its `changed` is for who writes to them without torch.
    """

    def __init__(
        self,
        model: nn.Module,
        data: Rows,
        train: Train,
        validation_rows: int,
        class_weights: Tensor | None = None,
    ) -> None:
        self.model, self.class_weights = model, class_weights
        self.data, self.train, self.validation_rows = data, train, validation_rows
        self.network = compile_network(model, tuple(data.x.shape[1:]))
        self.packed = Parameters(model)
        self.parameters = [self.packed.flat[: self.packed.trained]]
        self._weights = PackedWeights(self.network, self.packed, training=True)
        self.slice_rows = -(-min(train.batch_size, len(data)) // train.slices)
        modules = dict(model.named_modules())
        found = [draft for draft in self.network.operations if draft.kind == Kind.BATCH_NORM]
        self._norms = [(modules[draft.layer], draft.pixels) for draft in found]
        self._has_dropout = any(draft.kind == Kind.DROPOUT for draft in self.network.operations)
        self._trainers: dict[int, tuple[Runner, SliceJob]] = {}
        self._judges: dict[int, tuple[Runner, SliceJob, Tensor, Rows, Inputs]] = {}
        self._gradients: dict[int, Tensor] = {}
        self._source: tuple[Changes | None, RowSource] | None = None
        self._inputs = _inputs(data)

    def slice(
        self, slot: int, rows: Tensor, changes: Changes | None, total: int, position: tuple[int, ...]
    ) -> Outcome:
        """Return the outcome of one slice (see `reprise.training.outcome`)."""
        runner, job = self._trainer(slot)
        number = position[-1]
        gradients = self._gradients.get(number)
        if gradients is None:
            gradients = self._gradients[number] = torch.zeros_like(self.packed.flat)
        job.source = self._rows(changes)
        job.source.numbers, job.source.rows = rows.data_ptr(), len(rows)
        job.scale, job.gradients = 1.0 / total, gradients.data_ptr()
        if self._has_dropout:
            job.dropout_key = seeds.derive(self.train.seed, "dropout", *position)
        runner.train(job)
        statistics = {
            norm: seen.clone()
            for (norm, pixels), seen in zip(self._norms, runner.statistics, strict=True)
            if isinstance(norm, BatchNorm) and pixels * len(rows) > 1
        }
        trained = gradients[: self.packed.trained]
        return Outcome([trained], (job.loss_sum, job.correct), statistics, len(rows))

    def judge(self, slot: int, data: Rows, first: int, last: int) -> tuple[float, float]:
        """Return the sum of losses and the number of correct rows of a range of rows, in evaluation mode."""
        runner, job, numbers = self._judge(slot, data)
        job.source.numbers, job.source.rows = numbers[first:].data_ptr(), last - first
        runner.judge(job)
        return job.loss_sum, job.correct

    def _trainer(self, slot: int) -> tuple[Runner, SliceJob]:
        if slot not in self._trainers:
            runner = Runner(self.network, self._weights, self.slice_rows, training=True)
            job = self._job(self.data, self.train.label_smoothing, self.class_weights)
            self._trainers[slot] = runner, job
        return self._trainers[slot]

    def _judge(self, slot: int, data: Rows) -> tuple[Runner, SliceJob, Tensor]:
        """Return what a thread judges with; all that the job points to is kept with it."""
        if slot not in self._judges or self._judges[slot][3] is not data:
            runner = Runner(self.network, self._weights, self.validation_rows, training=False)
            job, inputs = self._job(data), _inputs(data)
            job.source = inputs.source()
            self._judges[slot] = runner, job, torch.arange(len(data)), data, inputs
        return self._judges[slot][:3]

    def _job(self, data: Rows, smoothing: float = 0.0, class_weights: Tensor | None = None) -> SliceJob:
        loss = kernel_loss(data.y, self.network.outputs)
        weights = None if class_weights is None else class_weights.data_ptr()
        return SliceJob(
            targets=data.y.data_ptr(), loss=loss, smoothing=smoothing, scale=1.0, class_weights=weights
        )

    def _rows(self, changes: Changes | None) -> RowSource:
        """Return the source of this epoch's rows; it is made once an epoch."""
        if self._source is None or self._source[0] is not changes:
            drawn = {} if changes is None else vars(changes)
            self._source = changes, self._inputs.source(**drawn)
        return self._source[1]


def _inputs(data: Rows) -> Inputs:
    return Inputs(data.x, data.normalise.mean, data.normalise.std)
