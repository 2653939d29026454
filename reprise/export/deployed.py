"""The model as other programs use it: raw values in, probabilities or values in their own unit out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reprise.model.losses import class_probabilities
from reprise.model.tensors import unscale_target
from reprise.prepared.schema import Schema, Statistics


class Deployed(nn.Module):
    """A trained model between its normalisation and the meaning of its outputs.

    Images come as uint8 pixels, tables as float64 features before standardisation: 32 bits could not
    tell two large numbers apart. Out come float32 probabilities, shape (rows, classes), or values in
    the target's own unit, shape (rows,).

    Parameters
    ----------
    module : nn.Module
        The trained model, as its file holds it.
    schema : Schema
        Of the data that it was trained on.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, schema: Schema) -> None:
        super().__init__()
        self.module = module
        self.task = schema.task
        self.target_scale = schema.target_scale
        images = schema.layout == "images"
        self.input_type = torch.uint8 if images else torch.float64
        statistics = schema.inputs or Statistics(mean=(0.0,), std=(1.0,))
        shape = (-1, 1, 1) if images else (-1,)
        # The number formats of `reprise.model.tensors` (images) and `reprise.data.normalise` (tables).
        number = torch.float32 if images else torch.float64
        self.register_buffer("mean", torch.tensor(statistics.mean, dtype=number).reshape(shape))
        self.register_buffer("std", torch.tensor(statistics.std, dtype=number).reshape(shape))

    @property
    def output_name(self) -> str:
        """What comes out."""
        return "probabilities" if self.task == "classification" else "value"

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities or values of raw inputs, shape (rows, *schema.shape)."""
        normal = ((x.to(self.mean.dtype) - self.mean) / self.std).to(torch.float32)
        outputs: Tensor = self.module(normal)
        if self.task == "classification":
            return class_probabilities(outputs)
        return unscale_target(outputs[:, 0], self.target_scale)
