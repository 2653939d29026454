"""A network's parameters as the kernels take them: side by side, and packed."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from reprise.arithmetic import places
from reprise.arithmetic.drafts import Kind
from reprise.arithmetic.library import kernels
from reprise.arithmetic.network import Network
from reprise.arithmetic.structures import Packing


class Parameters:
    """A module's parameters side by side in one tensor; the module's own become views of it.

    Attributes
    ----------
    flat : Tensor, shape (count,)
        First those that are trained, then those that don't require a gradient.
    trained : int
        How many of the values are trained.
    at : dict
        Where each parameter starts, by name.
    shapes : dict
    """

    def __init__(self, module: nn.Module) -> None:
        named = dict(sorted(module.named_parameters(), key=lambda item: not item[1].requires_grad))
        self.trained = sum(p.numel() for p in named.values() if p.requires_grad)
        self.flat = torch.empty(sum(parameter.numel() for parameter in named.values()))
        self.at: dict[str, int] = {}
        self.shapes = {name: parameter.shape for name, parameter in named.items()}
        self._tensors: list[Tensor] = [self.flat, *named.values()]
        self._changes = 0
        start = 0
        with torch.no_grad():
            for name, parameter in named.items():
                view = self.flat[start : start + parameter.numel()].view(parameter.shape)
                view.copy_(parameter)
                parameter.data = view
                self.at[name] = start
                start += parameter.numel()

    @property
    def version(self) -> int:
        """A number that grows whenever values change.

        Torch counts what it changes in place, by whatever name of the tensor (loading a state, for one);
        who writes without torch calls `changed`.
        """
        return self._changes + sum(tensor._version for tensor in self._tensors)

    def changed(self) -> None:
        """Count a change that torch doesn't see."""
        self._changes += 1

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return the parts of a tensor laid out like the parameters, in their order."""
        return [
            flat[at : at + self.shapes[name].numel()].view(self.shapes[name]) for name, at in self.at.items()
        ]


class PackedWeights:
    """The weights of products in the order in which the kernels read them, for all runners of a network.

    The threads that run them pack together, once for each version of the parameters (``pack`` of program.c).

    Parameters
    ----------
    network : Network
    parameters : Parameters
    training : bool
        Whether runners will train: gradients read the weights in an order of their own.

    Attributes
    ----------
    forward, backward : dict
        Addresses of the packed weights, by the operation's place.
    states : int
        The address of what the threads tell each other.
    """

    def __init__(self, network: Network, parameters: Parameters, training: bool) -> None:
        self.parameters = parameters
        self._kept: list[Tensor] = []  # the memory
        self.forward: dict[int, int] = {}
        self.backward: dict[int, int] = {}
        found = places.uses(network, set(parameters.at))
        for place, draft in enumerate(network.operations):
            if draft.shape is None or draft.kind not in (Kind.LINEAR, Kind.CONVOLUTION):
                continue
            size = kernels().linear_packed if draft.kind == Kind.LINEAR else kernels().convolution_packed
            self.forward[place] = self._floats(size(ctypes.byref(draft.shape), 0))
            if training and draft.x in found.wanted:
                self.backward[place] = self._floats(size(ctypes.byref(draft.shape), 1))
        count = 2 * len(network.operations)
        self._states = (Packing * count)(*(Packing(begun=-1, done=-1) for _ in range(count)))
        self.states = ctypes.addressof(self._states)

    def _floats(self, count: int) -> int:
        """Return the address of new memory for `count` floats."""
        memory = torch.empty(count)
        self._kept.append(memory)
        return memory.data_ptr()
