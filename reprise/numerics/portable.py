"""Route a model's layers through the portable kernels."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from reprise.errors import UserError
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


def _problem(layer: nn.Module) -> str | None:
    """What keeps a layer from being routed, if anything does."""
    if isinstance(layer, (PortableLinear, PortableConv2d)) or not isinstance(layer, (nn.Linear, _ConvNd)):
        return None
    kind = type(layer).__name__
    if type(layer) not in _ROUTED:
        return f"a {kind}; allowed are nn.Linear and nn.Conv2d themselves"
    if layer.weight.dtype != torch.float32:
        return f"a {kind} of {layer.weight.dtype}; only torch.float32 is allowed"
    if isinstance(layer, nn.Conv2d):
        for name, found, allowed in (
            ("groups", layer.groups, 1),
            ("dilation", layer.dilation, (1, 1)),
            ("padding_mode", layer.padding_mode, "zeros"),
        ):
            if found != allowed:
                return f"a {kind} with {name}={found!r}; only {allowed!r} is allowed"
        if layer.padding == "same":
            return f"a {kind} with padding='same'; give the padding as numbers"
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
        One line for each layer that has no portable kernel, by name.
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
