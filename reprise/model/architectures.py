"""The architectures, their layers and their initial weights."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reprise.foundation import seeds
from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.settings.params import Cnn, Mlp, Model

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
SMALL_IMAGE = 64  # pixels; up to this size resnet18 keeps the full resolution at its start


@dataclass
class SliceRecord:
    """What the layers of one forward pass need to know, and what they leave behind.

    One record belongs to one slice of one step. It is thread-local, because several slices pass through
    the same modules at the same time.
    """

    generator: torch.Generator | None  # for dropout; seeded by (seed, epoch, step, slice)
    statistics: dict[BatchNorm, Tensor] = field(default_factory=dict)  # (2, channels): mean, variance


_current = threading.local()


@contextmanager
def recording(record: SliceRecord) -> Iterator[SliceRecord]:
    """Make `record` the one that this thread's layers use inside the block."""
    _current.record = record
    try:
        yield record
    finally:
        del _current.record


class Dropout(nn.Module):
    """Dropout whose mask comes from the slice's own generator (Srivastava et al., 2014)."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with elements dropped and the others scaled up; `x` itself in evaluation."""
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        generator: torch.Generator | None = _current.record.generator
        mask = torch.empty_like(x).bernoulli_(keep, generator=generator)
        return x * mask.div_(keep)


class BatchNorm(nn.BatchNorm2d):
    """Batch norm over a slice (Hoffer et al., 2017, "ghost" batches); running statistics move once a step.

    In training the slice is normalised with its own statistics, which are left in the slice's record;
    `merge_statistics` folds those of all slices into the running ones, in slice order.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x`, shape (rows, channels, height, width)."""
        values_per_channel = x.numel() // x.shape[1]
        if not self.training or values_per_channel == 1:
            # One value has no variance: such a slice is normalised with the running statistics.
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
        statistics = torch.zeros(2, x.shape[1], dtype=x.dtype, device=x.device)
        # Momentum 1 makes torch write the slice's own mean and unbiased variance into the two rows.
        out = F.batch_norm(x, statistics[0], statistics[1], self.weight, self.bias, True, 1.0, self.eps)
        _current.record.statistics[self] = statistics
        return out

    def merge(self, slices: list[tuple[Tensor, int]]) -> None:
        """Move the running statistics towards the slices' mean, weighted by rows, in slice order.

        Parameters
        ----------
        slices : list of (statistics, rows)
            The (2, channels) statistics that each slice left in its record.
        """
        if not slices or self.running_mean is None or self.running_var is None:
            return
        total = sum(rows for _, rows in slices)
        merged = torch.zeros_like(slices[0][0])
        for statistics, rows in slices:  # slice order, not arrival order: addition isn't associative
            merged += statistics * (rows / total)
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.mul_(1.0 - momentum).add_(merged[0] * momentum)
        self.running_var.mul_(1.0 - momentum).add_(merged[1] * momentum)


def batch_norms(model: nn.Module) -> list[BatchNorm]:
    """Return the model's batch norm layers in the order of their definition."""
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def output_count(model: Model, schema: Schema) -> int:
    """Return the number of outputs: 1 for a regression or a single logit, else one per class."""
    return 1 if schema.task == "regression" or model.outputs == "single" else len(schema.classes)


def build(model: Model, schema: Schema, seed: int) -> nn.Module:
    """Return the model for the data, with its initial weights, on the CPU.

    The modules map (rows, *schema.shape) to (rows, outputs).

    Raises
    ------
    UserError
        If the architecture does not fit the data.
    """
    outputs = output_count(model, schema)
    if model.outputs == "single" and schema.task == "classification" and len(schema.classes) != 2:
        raise UserError(
            f"model.outputs: single is for two classes, but the data has {len(schema.classes)}; use per_class"
        )
    if model.kind in ("cnn", "resnet18") and schema.layout != "images":
        raise UserError(f"model.kind: {model.kind} needs images, but the data is a table; use mlp or linear")
    # torch draws initial weights when it makes a layer; they are replaced, and its generator put back.
    with torch.random.fork_rng(devices=()):
        if model.kind == "linear":
            module: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(schema.shape), outputs))
        elif model.kind == "mlp":
            module = _mlp(model.mlp, math.prod(schema.shape), outputs)
        elif model.kind == "cnn":
            module = _cnn(model.cnn, schema.shape, outputs)
        else:
            module = _resnet18(schema.shape, outputs)
    initialise(module, seed)
    return module


def initialise(module: nn.Module, seed: int) -> None:
    """Give every parameter and buffer its initial value, as a function of the seed and its name.

    Weights and biases of linear and convolution layers are uniform in ±1/√fan_in, torch's own default;
    only their random numbers are drawn by `reprise.foundation.seeds`, so that they are the same everywhere.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            bound = 1.0 / math.sqrt(layer.weight[0].numel())
            for kind, parameter in layer.named_parameters(recurse=False):
                draws = seeds.uniform(parameter.numel(), seed, "init", name, kind)
                values = torch.from_numpy((2.0 * draws - 1.0) * bound)
                with torch.no_grad():
                    parameter.copy_(values.reshape(parameter.shape))
        elif isinstance(layer, BatchNorm):
            layer.reset_parameters()  # ones and zeros, no random numbers


def _mlp(mlp: Mlp, inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *_hidden(inputs, mlp.hidden, mlp.activation, mlp.dropout, outputs))


def _hidden(
    inputs: int, widths: tuple[int, ...], activation: str, dropout: float, outputs: int
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Linear(inputs, width), ACTIVATIONS[activation]()]
        if dropout > 0.0:
            layers.append(Dropout(dropout))
        inputs = width
    return [*layers, nn.Linear(inputs, outputs)]


def _cnn(cnn: Cnn, shape: tuple[int, ...], outputs: int) -> nn.Module:
    channels, height, width = shape
    layers: list[nn.Module] = []
    for number, (out, stride) in enumerate(zip(cnn.channels, cnn.strides, strict=True)):
        layers.append(nn.Conv2d(channels, out, cnn.kernel, stride, cnn.padding, bias=not cnn.batch_norm))
        layers += [BatchNorm(out)] if cnn.batch_norm else []
        layers.append(nn.ReLU())
        height, width = ((side + 2 * cnn.padding - cnn.kernel) // stride + 1 for side in (height, width))
        if min(height, width) < 1:
            raise UserError(
                f"model.cnn: convolution {number + 1} of {len(cnn.channels)} leaves nothing of images "
                f"of {shape[1]} by {shape[2]} pixels; set model.cnn.padding: {cnn.kernel // 2} "
                "or smaller strides"
            )
        channels = out
    layers.append(nn.Flatten())
    return nn.Sequential(
        *layers, *_hidden(channels * height * width, cnn.hidden, "relu", cnn.dropout, outputs)
    )


def _resnet18(shape: tuple[int, ...], outputs: int) -> nn.Module:
    # He et al., 2016. Imported here: torchvision takes a while to load and only this model needs it.
    from torchvision.models import resnet18

    module: nn.Module = resnet18(weights=None, num_classes=outputs, norm_layer=BatchNorm)
    small = max(shape[1:]) <= SMALL_IMAGE
    # The original's first layers reduce an image fourfold: too much for small ones (the CIFAR variant).
    kernel, stride, padding = (3, 1, 1) if small else (7, 2, 3)
    module.conv1 = nn.Conv2d(shape[0], 64, kernel, stride, padding, bias=False)
    if small:
        module.maxpool = nn.Identity()
    return module
