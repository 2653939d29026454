"""The allow-listed optimizers: one update of all parameters, and their state by name.

A step's gradient is the sum of its slices' gradients in slice order. `KernelOptimizer` adds, clips and
updates by the kernels, in one pass over memory; `TorchOptimizer` does it with torch, on CUDA and for
native numerics.
"""

from __future__ import annotations

import ctypes
import math
from typing import Protocol

import torch
from torch import Tensor, nn

from reprise.arithmetic.library import kernels
from reprise.arithmetic.structures import SharedUpdate, Update
from reprise.settings.params import Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.pool import Pool

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba, 2015


class Optimizer(Protocol):
    """Changes a model's parameters in place."""

    def step(self, slices: list[list[Tensor]], rate: float) -> None:
        """Add the slices' gradients in order, clip them, and update.

        Parameters
        ----------
        slices : list of list of Tensor
            As the engine leaves them; may be changed.
        rate : float
            The learning rate.
        """

    def tensors(self) -> dict[str, Tensor]:
        """Return the state by name."""

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` returned."""


def state_of(train: Train, parameters: list[Tensor]) -> dict[str, list[Tensor]]:
    """Return what an optimizer remembers of each parameter, at its start."""
    kinds = ("momentum",) if train.momentum > 0 else ()
    adaptive = train.optimizer != "sgd"
    state = {
        kind: [torch.zeros_like(p, requires_grad=False) for p in parameters]
        for kind in (("mean", "square") if adaptive else kinds)
    }
    if adaptive:
        state["step"] = [torch.zeros((), device=p.device) for p in parameters]
    return state


def weight_decay_of(train: Train) -> float:
    """Return the weight decay of an optimizer that takes steps: a number (auto is refused before)."""
    assert not isinstance(train.weight_decay, str)
    return train.weight_decay


class KernelOptimizer:
    """Updates by the kernels (docs/arithmetic.md, "Updates").

    Parameters
    ----------
    engine : KernelEngine
        Whose parameters are changed.
    train : Train
        `optimizer` (sgd, adam or adamw), `momentum`, `weight_decay` and `clip_norm`.
    pool : Pool
        The threads that share large updates out; each value's update is its own, so cutting changes no bit.
    """

    def __init__(self, engine: KernelEngine, train: Train, pool: Pool) -> None:
        self.engine, self.train, self.pool = engine, train, pool
        self.state = state_of(train, engine.parameters)
        self._steps = 0

    def step(self, slices: list[list[Tensor]], rate: float) -> None:
        """Add, clip and update (see `Optimizer`)."""
        parts = [gradients for (gradients,) in slices]
        count = self.engine.parameters[0].numel()
        self._steps += 1
        addresses = _addresses(parts)
        update = SharedUpdate(
            settings=ctypes.pointer(self._settings(rate, self._factor(addresses, count))),
            values=self.engine.parameters[0].data_ptr(),
            mean=self._state("mean"),
            square=self._state("square"),
            velocity=self._state("momentum"),
            gradients=ctypes.addressof(addresses),
            slices=len(parts),
            count=count,
            adam=self.train.optimizer != "sgd",
        )
        self.engine.packed.changed()
        workers = self.pool.workers if count >= self.pool.shared_from else 1
        self.pool.map(lambda _number, _worker: kernels().share_update(update), workers)

    def _state(self, kind: str) -> int | None:
        return self.state[kind][0].data_ptr() if kind in self.state else None

    def _factor(self, addresses: ctypes.Array[ctypes.c_void_p], count: int) -> float:
        """Return what gradients are scaled by, so that their common 2-norm is at most `clip_norm`."""
        if self.train.clip_norm is None:
            return 1.0
        norm = math.sqrt(kernels().sum_of_squares(addresses, len(addresses), count))
        return min(1.0, self.train.clip_norm / norm) if norm > 0.0 else 1.0

    def _settings(self, rate: float, factor: float) -> Update:
        return Update(
            rate=rate,
            weight_decay=weight_decay_of(self.train),
            factor=factor,
            momentum=self.train.momentum,
            beta1=BETA1,
            beta2=BETA2,
            eps=EPSILON,
            correction1=1.0 - power(BETA1, self._steps),
            correction2=1.0 - power(BETA2, self._steps),
            decoupled=self.train.optimizer == "adamw",
        )

    def tensors(self) -> dict[str, Tensor]:
        """Return the state by name."""
        if "step" in self.state:
            self.state["step"][0].fill_(self._steps)
        return {f"all/{kind}": tensor for kind, (tensor,) in self.state.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])
        if "step" in self.state:
            self._steps = int(self.state["step"][0])


def power(base: float, exponent: int) -> float:
    """Return base ** exponent by products alone: the C library's pow differs between processors."""
    result = 1.0
    while exponent:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def _addresses(parts: list[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(parts))(*(part.data_ptr() for part in parts))


class TorchOptimizer:
    """Updates by torch: Adam and AdamW in its fused form, SGD by its foreach operations.

    The operations are called directly, because the classes of torch.optim load torch's compiler (two seconds)
    at their first use.

    Parameters
    ----------
    model : nn.Module
    train : Train
    """

    def __init__(self, model: nn.Module, train: Train) -> None:
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.names = list(named)
        self.parameters: list[Tensor] = list(named.values())
        self.train = train
        self.state = state_of(train, self.parameters)

    @torch.no_grad()
    def step(self, slices: list[list[Tensor]], rate: float) -> None:
        """Add, clip and update (see `Optimizer`)."""
        gradients, *others = slices
        for other in others:  # slice order, not arrival order: float addition isn't associative
            torch._foreach_add_(gradients, other)
        if self.train.clip_norm is not None:
            clip(gradients, self.train.clip_norm)
        if self.train.optimizer == "sgd":
            self._sgd(gradients, rate)
        else:
            self._adam(gradients, rate)

    def _adam(self, gradients: list[Tensor], rate: float) -> None:
        update = torch._fused_adam_ if self.train.optimizer == "adam" else torch._fused_adamw_
        torch._foreach_add_(self.state["step"], 1)
        update(
            self.parameters,
            gradients,
            self.state["mean"],
            self.state["square"],
            [],
            self.state["step"],
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=weight_decay_of(self.train),
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def _sgd(self, gradients: list[Tensor], rate: float) -> None:
        if (decay := weight_decay_of(self.train)) > 0:
            torch._foreach_add_(gradients, self.parameters, alpha=decay)
        if self.train.momentum > 0:
            # Starting from zero, v = m v + g gives the first step v = g, as torch's SGD does.
            momentum = self.state["momentum"]
            torch._foreach_mul_(momentum, self.train.momentum)
            torch._foreach_add_(momentum, gradients)
            gradients = momentum
        torch._foreach_add_(self.parameters, gradients, alpha=-rate)

    def tensors(self) -> dict[str, Tensor]:
        """Return the state as ``{parameter name}/{kind}: tensor``."""
        return {
            f"{name}/{kind}": tensor
            for kind, tensors in self.state.items()
            for name, tensor in zip(self.names, tensors, strict=True)
        }

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` returned."""
        for full_name, tensor in self.tensors().items():
            tensor.copy_(tensors[full_name])


def clip(gradients: list[Tensor], largest: float) -> None:
    """Scale gradients in place so that their common 2-norm is at most `largest` (Pascanu et al., 2013)."""
    # Sums per tensor in tensor order; the root by Python, which rounds as IEEE asks everywhere.
    squares = torch.stack([(g * g).sum(dtype=torch.float64) for g in gradients])
    norm = math.sqrt(sum(squares.tolist()))
    if norm > largest:
        torch._foreach_mul_(gradients, largest / norm)
