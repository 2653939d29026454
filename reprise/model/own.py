"""``model.kind: own``: the network that build() of own/model.py returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.arithmetic.rules import LAYERS
from reprise.foundation import seeds
from reprise.foundation.errors import UserError
from reprise.model.draws import drawing
from reprise.own.call import call
from reprise.own.code import Code, load
from reprise.prepared.schema import Schema

PLACE = "own/model.py"
SIGNATURE = "build(schema, **settings)"


def build_own(
    settings: Mapping[str, Any], schema: Schema, seed: int, code: Code, *, strict: bool = False
) -> nn.Module:
    """Return the network, with its initial weights, on the CPU.

    Parameters
    ----------
    settings : mapping
        `model.own` of the params.
    schema : Schema
    seed : int
        Random numbers of torch are derived from it (see `reprise.model.draws`).
    code : Code
    strict : bool
        Refuse initial weights whose bits differ between kinds of processors.

    Raises
    ------
    UserError
        If the code fails or returns something else.
    """
    function = load(code, "model", SIGNATURE).build
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seeds.derive(seed, "own"))  # for the random functions that `Draws` has none of
        with drawing(seed, strict=strict):
            module = call(function, f"{PLACE}: {SIGNATURE}", "model.own", settings, schema)
    if not isinstance(module, nn.Module):
        kind = "None" if module is None else type(module).__name__
        raise UserError(f"{PLACE}: {SIGNATURE} must return an nn.Module, not {kind}")
    if type(module) in LAYERS:
        module = nn.Sequential(module)  # portable numerics follow the code of a network, not that of a layer
    return _with_slices(module)


def _with_slices(module: nn.Module) -> nn.Module:
    """Put layers whose random numbers and statistics belong to a slice of a batch in the place of torch's.

    Their names, weights and outputs in evaluation are the same.
    """
    made: dict[nn.Module, nn.Module] = {}  # a layer that is used twice stays one layer
    for parent in list(module.modules()):
        for name, child in list(parent._modules.items()):  # also those that have two names
            if child is None or type(child) not in (nn.BatchNorm2d, nn.Dropout):
                continue
            if child not in made:
                made[child] = _batch_norm(child) if isinstance(child, nn.BatchNorm2d) else _dropout(child)
            setattr(parent, name, made[child])
    return module


def _batch_norm(layer: nn.BatchNorm2d) -> BatchNorm:
    made = BatchNorm(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
    made.load_state_dict(layer.state_dict())
    made.weight, made.bias = layer.weight, layer.bias  # themselves: they may be frozen
    return made


def _dropout(layer: nn.Module) -> Dropout:
    assert isinstance(layer, nn.Dropout)
    return Dropout(layer.p)
