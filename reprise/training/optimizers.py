"""The allow-listed optimizers: one fused update of all parameters, and their state by name.

Adam and AdamW only in torch's fused form: the others take square roots by MKL's vector library, whose last
bit differs between Intel and AMD; the fused kernel takes them by the IEEE instruction. The kernels are
called directly, because the classes of torch.optim load torch's compiler (two seconds) at their first use.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from reprise.settings.params import Train
from reprise.training.pool import Pool

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba, 2015


class Optimizer:
    """Updates a model's parameters from a list of gradients.

    Parameters
    ----------
    model : nn.Module
    train : Train
        `optimizer` (sgd, adam or adamw), `momentum` and `weight_decay`.
    pool : Pool, optional
        The threads that share the update out; without it, the caller's own.
    """

    def __init__(self, model: nn.Module, train: Train, pool: Pool | None = None) -> None:
        self.pool = pool or Pool(1)
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.names = list(named)
        self.parameters: list[Tensor] = list(named.values())
        self.train = train
        kinds = {"sgd": ("momentum",) if train.momentum > 0 else (), "adam": ("mean", "square")}
        adaptive = train.optimizer != "sgd"
        self.state = {
            kind: [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
            for kind in kinds["adam" if adaptive else "sgd"]
        }
        if adaptive:
            self.state["step"] = [torch.zeros((), device=p.device) for p in self.parameters]

    def step(self, gradients: list[Tensor], rate: float) -> None:
        """Change the parameters in place.

        Parameters
        ----------
        gradients : list of Tensor
            One per parameter, in the order of `names`.
        rate : float
            The learning rate.
        """
        update = self._sgd if self.train.optimizer == "sgd" else self._adam
        self.pool.share(self.parameters, lambda part: update(part, gradients[part], rate))

    @torch.no_grad()
    def _adam(self, part: slice, gradients: list[Tensor], rate: float) -> None:
        update = torch._fused_adam_ if self.train.optimizer == "adam" else torch._fused_adamw_
        steps = self.state["step"][part]
        torch._foreach_add_(steps, 1)
        update(
            self.parameters[part],
            gradients,
            self.state["mean"][part],
            self.state["square"][part],
            [],
            steps,
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=self.train.weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    @torch.no_grad()
    def _sgd(self, part: slice, gradients: list[Tensor], rate: float) -> None:
        parameters = self.parameters[part]
        if self.train.weight_decay > 0:
            torch._foreach_add_(gradients, parameters, alpha=self.train.weight_decay)
        if self.train.momentum > 0:
            # Starting from zero, v = m v + g gives the first step v = g, as torch's SGD does.
            momentum = self.state["momentum"][part]
            torch._foreach_mul_(momentum, self.train.momentum)
            torch._foreach_add_(momentum, gradients)
            gradients = momentum
        torch._foreach_add_(parameters, gradients, alpha=-rate)

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
