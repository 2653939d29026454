"""A network in the memory of one thread, ready to run."""

from __future__ import annotations

import ctypes
from ctypes import c_void_p
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from reprise.arithmetic import places
from reprise.arithmetic.drafts import Draft, Kind
from reprise.arithmetic.library import kernels
from reprise.arithmetic.network import Network
from reprise.arithmetic.parameters import PackedWeights, Parameters
from reprise.arithmetic.structures import (
    ConvolutionShape,
    LinearShape,
    MatrixPairs,
    Operation,
    Piecewise,
    Program,
    RowSource,
    SliceJob,
    Strides,
    Window,
)

FIELDS: dict[type, str] = {
    LinearShape: "linear",
    ConvolutionShape: "convolution",
    Window: "window",
    Strides: "strides",
    MatrixPairs: "matrices",
    Piecewise: "piecewise",
}


class Runner:
    """Runs a network on slices of at most `rows` rows; belongs to one thread at a time.

    Parameters
    ----------
    network : Network
    weights : PackedWeights
        Those that all runners of the network share.
    rows : int
    training : bool
        Whether backward passes are wanted, which need more memory.

    Attributes
    ----------
    statistics : list of Tensor, shape (2, channels)
        What each batch norm saw in the last slice, in the operations' order: mean and unbiased variance.
    """

    def __init__(self, network: Network, weights: PackedWeights, rows: int, training: bool) -> None:
        self.network, self.rows = network, rows
        self._weights, parameters = weights, weights.parameters
        self._kept: list[Any] = [parameters.flat]  # memory that the program points into
        self.statistics: list[Tensor] = []
        found = places.uses(network, set(parameters.at))
        where = (places.for_training if training else places.for_outputs)(network, found)
        floats = where.total * rows + places.APART
        places.require(floats, rows, training)
        memory = self._floats(floats)
        wanted = found.wanted if training else set()
        modules = dict(network.module.named_modules())
        operations = [
            self._operation(place, draft, modules, parameters, found, wanted)
            for place, draft in enumerate(network.operations)
        ]
        _number_streams(operations)
        self._operations = (Operation * len(operations))(*operations)
        count = len(network.shapes)
        self._program = Program(
            operations=ctypes.addressof(self._operations),
            count=len(operations),
            outputs=network.outputs,
            members=network.members,
            values=self._pointers(memory, where.values, rows, count),
            gradients=self._pointers(memory, where.gradients, rows, count),
            spare=memory + 4 * rows * where.spare if where.spare >= 0 else None,
            parameters=parameters.flat.data_ptr(),
            packings=weights.states,
        )

    def train(self, job: SliceJob) -> None:
        """Run a slice forwards and backwards; the results are in `job`, its gradients and `statistics`."""
        kernels().program_train(self._current(), job)

    def judge(self, job: SliceJob) -> None:
        """Run rows forwards in evaluation mode; the sum of losses and the correct rows are in `job`."""
        kernels().program_judge(self._current(), job)

    def outputs(self, source: RowSource) -> Tensor:
        """Return the outputs of rows in evaluation mode, float32 (rows, outputs)."""
        made = torch.empty(source.rows, self.network.outputs)
        kernels().program_outputs(self._current(), source, made.data_ptr())
        return made

    def _current(self) -> Program:
        """Return the program, told of what the parameters are now: what is packed of other ones is stale."""
        self._program.version = self._weights.parameters.version
        return self._program

    def _operation(
        self,
        place: int,
        draft: Draft,
        modules: dict[str, nn.Module],
        parameters: Parameters,
        found: places.Uses,
        wanted: set[int],
    ) -> Operation:
        operation = Operation(
            kind=draft.kind, x=draft.x, x2=draft.x2, y=draft.y,
            weight=parameters.at.get(draft.weight, -1), bias=parameters.at.get(draft.bias, -1),
            relu=draft.relu,
            floats=_floats_a_row(self.network, draft.y),
            x_floats=_floats_a_row(self.network, draft.x), x2_floats=_floats_a_row(self.network, draft.x2),
            pixels=draft.pixels, channels=draft.channels,
            wants_gx=draft.x in wanted, wants_gx2=draft.x2 in wanted,
            adds_gx=_is_added(found, draft.x, place),
            adds_gx2=draft.x2 == draft.x or _is_added(found, draft.x2, place),
            choice=draft.choice, keep_below=draft.keep_below, number=draft.number,
        )  # fmt: skip
        if draft.shape is not None:
            setattr(operation, FIELDS[type(draft.shape)], draft.shape)
        operation.packed = self._weights.forward.get(place)
        if operation.wants_gx:
            operation.packed_for_gradient = self._weights.backward.get(place)
        if isinstance(draft.shape, MatrixPairs):
            operation.packed = self._floats(kernels().matrices_packed(ctypes.byref(draft.shape)))
        if draft.kind in (Kind.LAYER_NORM, Kind.GROUP_NORM):
            normalised = operation.floats // draft.channels if draft.kind == Kind.LAYER_NORM else draft.choice
            operation.statistics = self._floats(2 * self.rows * normalised)
        if draft.kind == Kind.BATCH_NORM:
            self._make_room_for_statistics(operation, modules[draft.layer])
        return operation

    def _make_room_for_statistics(self, operation: Operation, layer: Any) -> None:
        moments = torch.zeros(2, operation.channels, dtype=torch.float64)
        statistics = torch.zeros(2, operation.channels)
        self._kept += [moments, layer.running_mean, layer.running_var]
        self.statistics.append(statistics)
        operation.mean, operation.variance = moments[0].data_ptr(), moments[1].data_ptr()
        operation.running_mean = layer.running_mean.data_ptr()
        operation.running_variance = layer.running_var.data_ptr()
        operation.statistics = statistics.data_ptr()

    def _floats(self, count: int) -> int:
        """Return the address of new memory for `count` floats."""
        memory = torch.empty(count)
        self._kept.append(memory)
        return memory.data_ptr()

    def _pointers(self, base: int, offsets: dict[int, int], rows: int, count: int) -> int:
        """Return the address of a table of pointers, by the value's number; null where there is none."""
        table = (c_void_p * count)()
        for number, at in offsets.items():
            table[number] = base + 4 * rows * at
        self._kept.append(table)
        return ctypes.addressof(table)


def _number_streams(operations: list[Operation]) -> None:
    dropouts = [operation for operation in operations if operation.kind == Kind.DROPOUT]
    for number, operation in enumerate(dropouts):
        operation.stream = number


def _floats_a_row(network: Network, number: int) -> int:
    return prod(network.shapes[number]) if number >= 0 else 0


def _is_added(found: places.Uses, number: int, place: int) -> bool:
    """Whether an operation later in the network, so earlier in the backward pass, gave a gradient."""
    return number >= 0 and place != max(found.used[number])
