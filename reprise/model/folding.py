"""Batch norms in their inference form as a part of the convolutions before them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from reprise.arithmetic.network import traced


def fold_norms(module: nn.Module) -> None:
    """Let each convolution do the batch norm that alone follows it, in place.

    With the running mean m and variance v, a norm is (y - m) · s + b with s = weight / √(v + eps): the
    convolution's weights times s, and (its bias - m) · s + b. That is computed in float64, by values, and
    rounded once.
    """
    graph = traced(module)
    layers = dict(module.named_modules())
    for node in graph.nodes:
        norm = layers.get(str(node.target)) if node.op == "call_module" else None
        maker = node.args[0] if isinstance(norm, nn.BatchNorm2d) else None
        if not isinstance(norm, nn.BatchNorm2d) or not isinstance(maker, fx.Node) or len(maker.users) > 1:
            continue
        before = layers.get(str(maker.target))
        if maker.op == "call_module" and isinstance(before, nn.Conv2d):
            _fold(before, norm)
            module.set_submodule(str(node.target), nn.Identity())


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = _wide(norm.weight) / np.sqrt(_wide(norm.running_var) + norm.eps)
    shift = 0.0 if convolution.bias is None else _wide(convolution.bias)
    weight = _wide(convolution.weight) * scale[:, None, None, None]
    bias = (shift - _wide(norm.running_mean)) * scale + _wide(norm.bias)
    convolution.weight = _parameter(weight)
    convolution.bias = _parameter(bias)


def _wide(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().numpy().astype(np.float64)


def _parameter(values: NDArray[np.float64]) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(values.astype(np.float32)))
