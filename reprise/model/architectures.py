"""The architectures, their layers and their initial weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.arithmetic.table_layers import Answer
from reprise.foundation import seeds
from reprise.foundation.errors import UserError
from reprise.model.own import build_own
from reprise.model.pretrained import PretrainedNetwork, refuse_unfit_pictures
from reprise.model.tabular import NumberEmbedding, PackedMembers
from reprise.own.code import Code, project_code
from reprise.prepared.schema import Schema
from reprise.settings.params import Cnn, Mlp, Model

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
}
SMALL_IMAGE = 64  # pixels; up to this size resnet18 keeps the full resolution at its start


def output_count(model: Model, schema: Schema) -> int:
    """Return the number of outputs: 1 for a regression or a single logit, else one per class."""
    return 1 if schema.task == "regression" or model.outputs == "single" else len(schema.classes)


def build(model: Model, schema: Schema, seed: int, code: Code | None = None) -> nn.Module:
    """Return the model for the data, with its initial weights, on the CPU.

    The modules map (rows, *schema.shape) to (rows, outputs).

    Parameters
    ----------
    model : Model
    schema : Schema
    seed : int
    code : Code, optional
        Of the kind ``own``; by default the project's.

    Raises
    ------
    UserError
        If the architecture does not fit the data.
    """
    if model.kind == "own":
        refuse_unfit_kind(model, schema)
        own = build_own(model.own, schema, seed, code or project_code())
        initialise_embeddings(own, seed)
        return own
    module = layers(model, schema)
    # What is not pretrained of a pretrained network starts at 0.
    initialise(module.backbone if isinstance(module, PretrainedNetwork) else module, seed)
    return module


def refuse_unfit_kind(model: Model, schema: Schema) -> None:
    """Refuse an architecture that is for other data.

    Raises
    ------
    UserError
    """
    if model.outputs == "single" and schema.task == "classification" and len(schema.classes) != 2:
        raise UserError(
            f"model.outputs: single is for two classes, but the data has {len(schema.classes)}; use per_class"
        )
    if model.kind in ("cnn", "resnet18", "pretrained") and schema.layout != "images":
        raise UserError(f"model.kind: {model.kind} needs images, but the data is a table; use tabm or mlp")
    if model.kind == "tabm" and schema.layout != "table":
        raise UserError("model.kind: tabm needs a table, but the data is images; use cnn or resnet18")
    if model.kind == "mlp" and model.mlp.embedding is not None and schema.layout != "table":
        raise UserError("model.mlp.embedding: is for tables, but the data is images; set it to null")
    if model.kind == "pretrained":
        refuse_unfit_pictures(schema)


def layers(model: Model, schema: Schema) -> nn.Module:
    """Return the model for the data without initial weights, on torch's current device; not of kind own.

    Raises
    ------
    UserError
        If the architecture does not fit the data.
    """
    refuse_unfit_kind(model, schema)
    outputs = output_count(model, schema)
    # torch draws initial weights when it makes a layer; they are replaced, and its generator put back.
    with torch.random.fork_rng(devices=()):
        if model.kind == "linear":
            return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(schema.shape), outputs))
        if model.kind == "mlp":
            return _mlp(model.mlp, schema, outputs)
        if model.kind == "tabm":
            return PackedMembers(model.tabm, schema, outputs, answer_of(model, schema))
        if model.kind == "pretrained":
            return PretrainedNetwork(model.pretrained, outputs)
        if model.kind == "cnn":
            return _cnn(model.cnn, schema.shape, outputs)
        return _resnet18(schema.shape, outputs)


def answer_of(model: Model, schema: Schema) -> Answer:
    """Return what the outputs of models that answer together are."""
    if schema.task == "regression":
        return Answer.VALUES
    return Answer.LOGITS if model.outputs == "single" else Answer.CLASSES


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
    initialise_embeddings(module, seed)


def initialise_embeddings(module: nn.Module, seed: int) -> None:
    """Give embeddings of numbers their initial values, which are not those of the layers inside."""
    for name, layer in module.named_modules():
        if isinstance(layer, NumberEmbedding):
            layer.initialise(seed, name)


def _mlp(mlp: Mlp, schema: Schema, outputs: int) -> nn.Module:
    first: nn.Module = nn.Flatten()
    inputs = math.prod(schema.shape)
    if mlp.embedding is not None:
        first = NumberEmbedding(mlp.embedding, schema)
        inputs = first.width
    return nn.Sequential(first, *_hidden(inputs, mlp.hidden, mlp.activation, mlp.dropout, outputs))


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
    if cnn.pooling == "average":
        layers.append(nn.AdaptiveAvgPool2d(1))
        height = width = 1
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
