"""Route a model's layers through the portable kernels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from reprise.foundation.errors import UserError
from reprise.model.architectures import ACTIVATIONS, BatchNorm, Dropout
from reprise.numerics.kernels import Pair, conv2d, linear


class PortableLinear(nn.Linear):
    """A linear layer whose bits on CPU don't depend on the CPU."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        """Map [..., in] to [..., out]."""
        return linear(input, self.weight, self.bias)


class PortableConv2d(nn.Conv2d):
    """A convolution whose bits on CPU don't depend on the CPU."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 (torch's name)
        """Map [batch, in, height, width] to [batch, out, height, width]."""
        padding = (0, 0) if self.padding == "valid" else cast(Pair, self.padding)
        return conv2d(input, self.weight, self.bias, cast(Pair, self.stride), padding)


_ROUTED: dict[type[nn.Module], type[nn.Module]] = {nn.Linear: PortableLinear, nn.Conv2d: PortableConv2d}
# Their torch operations give the same bits under the settings of `reprise.numerics.runtime` (make proof).
_PROVEN = {
    *ACTIVATIONS.values(), BatchNorm, nn.BatchNorm2d, Dropout, nn.MaxPool2d, nn.AdaptiveAvgPool2d,
    nn.Flatten, nn.Identity, nn.Sequential,
}  # fmt: skip


def _problem(layer: nn.Module) -> str | None:
    """What keeps a layer from being portable, if anything does; a layer made of layers is judged by them."""
    if type(layer) in _PROVEN or type(layer) in _ROUTED.values():
        return None
    if type(layer) not in _ROUTED:
        made_of_layers = any(layer.children()) and not isinstance(layer, nn.Linear | _ConvNd)
        allowed = ", ".join(sorted(map(_name, {*_ROUTED, *_PROVEN})))
        return None if made_of_layers else f"{_name(type(layer))} is none of {allowed}"
    return _unrouted(layer)


def _name(kind: type[nn.Module]) -> str:
    """How a user would write a layer's class."""
    return f"nn.{kind.__name__}" if kind.__module__.startswith("torch.nn.") else kind.__qualname__


def _unrouted(layer: nn.Module) -> str | None:
    """What about an nn.Linear or nn.Conv2d its portable kernel can't do, if anything."""
    kind = _name(type(layer))
    if layer.weight.dtype != torch.float32:
        return f"{kind} of {layer.weight.dtype}; only torch.float32 is allowed"
    if isinstance(layer, nn.Conv2d):
        for name, found, allowed in (
            ("groups", layer.groups, 1),
            ("dilation", layer.dilation, (1, 1)),
            ("padding_mode", layer.padding_mode, "zeros"),
        ):
            if found != allowed:
                return f"{kind} with {name}={found!r}; only {allowed!r} is allowed"
        if layer.padding == "same":
            return f"{kind} with padding='same'; give the padding as numbers"
    return None


def portable(model: nn.Module) -> nn.Module:
    """Make every nn.Linear and nn.Conv2d of a model compute portable bits on CPU; on CUDA nothing changes.

    Layers change their class in place: parameters, names, hooks and the state dict stay as they are.

    Parameters
    ----------
    model : nn.Module
        Changed in place, unless a layer is refused.

    Returns
    -------
    nn.Module
        The same model.

    Raises
    ------
    UserError
        One line for each layer whose bits are not known to be portable, by name. What a layer made of layers
        computes between them can't be seen from here.
    """
    layers = list(model.named_modules())
    problems = [
        f"model layer {name or '(the model itself)'}: {problem}; use another layer or train.numerics: native"
        for name, layer in layers
        if (problem := _problem(layer))
    ]
    if problems:
        raise UserError(*problems)
    for _, layer in layers:
        if type(layer) in _ROUTED:
            layer.__class__ = _ROUTED[type(layer)]
    return model
