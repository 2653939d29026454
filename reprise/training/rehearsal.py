"""The dry step: a network of one's own is tried on two rows before a training begins or writes anything."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from reprise.arithmetic.layers import BatchNorm
from reprise.arithmetic.network import compile_network
from reprise.arithmetic.runtime import Device, uses_kernels
from reprise.foundation.errors import UserError
from reprise.model.architectures import output_count
from reprise.model.own import PLACE, SIGNATURE, build_own
from reprise.own.code import project_code
from reprise.own.errors import telling
from reprise.prepared.schema import Schema
from reprise.settings.params import Params

ROWS = 2
NORMS = (nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm)


def rehearse(params: Params, schema: Schema, device: Device) -> None:
    """Refuse a network of one's own that can't be trained on this data.

    Raises
    ------
    UserError
        One line for each problem: with the file and line where the code is at fault, with the layer's name
        where portable numerics don't have it.
    """
    portable = uses_kernels(torch.device(device), params.train.numerics)
    one, other = (
        build_own(params.model.own, schema, params.train.seed, project_code(), strict=portable)
        for _ in range(2)
    )
    _refuse_weights(one, other)
    _refuse_shape(one.eval(), schema, output_count(params.model, schema))
    if portable:
        compile_network(one.train(), schema.shape)
    else:
        _refuse_statistics(one)


def _refuse_weights(module: nn.Module, again: nn.Module) -> None:
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UserError(f"{PLACE}: the network of {SIGNATURE} has no weights to train")
    for name, parameter in module.named_parameters():
        if is_lazy(parameter):
            raise UserError(f"{PLACE}: {name} has no size yet; give its layer the number of inputs")
        if parameter.dtype != torch.float32:
            raise UserError(f"{PLACE}: {name} is {parameter.dtype}; only torch.float32 is allowed")
    twice = again.state_dict()
    for name, tensor in module.state_dict().items():
        if name not in twice or not torch.equal(tensor, twice[name]):
            raise UserError(
                f"{PLACE}: {SIGNATURE} gives another {name} each time it is called; draw random numbers with "
                "torch alone, whose numbers follow from train.seed here"
            )


def _refuse_shape(module: nn.Module, schema: Schema, outputs: int) -> None:
    with torch.no_grad(), telling(f"{PLACE}: forward"):
        made = module(torch.zeros(ROWS, *schema.shape))
    wanted = (ROWS, outputs)
    if isinstance(made, Tensor) and made.shape == wanted and made.dtype == torch.float32:
        return
    found = f"{made.dtype} {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
    why = "one for each class" if len(schema.classes) == outputs else f"for {schema.task}"
    raise UserError(
        f"{PLACE}: the network of {SIGNATURE} gives {found} for {ROWS} rows of {schema.shape}; it must be "
        f"torch.float32 {wanted}: rows, and outputs {why}"
    )


def _refuse_statistics(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        if isinstance(layer, NORMS) and layer.track_running_stats and not isinstance(layer, BatchNorm):
            raise UserError(
                f"model layer {name}: nn.{type(layer).__name__} keeps statistics of its own, which would "
                "depend on the number of threads; use nn.BatchNorm2d, nn.GroupNorm or nn.LayerNorm"
            )
