"""Models that answer together: a bag of networks, and the linear model that is blended in."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from reprise.arithmetic.table_layers import Answer, Members
from reprise.foundation import seeds
from reprise.model.architectures import answer_of, build, layers, output_count
from reprise.own.code import Code
from reprise.prepared.schema import Schema
from reprise.settings.params import Model, Train


class Bag(nn.Module):
    """Models whose answers are averaged.

    Parameters
    ----------
    networks : list of nn.Module
    outputs : int
        Of each.
    answer : Answer
    """

    def __init__(self, networks: list[nn.Module], outputs: int, answer: Answer) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.answer = Members(len(networks), outputs, answer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the common answer, shape (rows, outputs); the networks are trained one by one."""
        answer: Tensor = self.answer(torch.cat([network(x) for network in self.networks], dim=1))
        return answer

    def give_last(self, share: float) -> None:
        """Let the last model have a share of the answer, and the others the rest, each as much."""
        others = len(self.networks) - 1
        self.answer.weight.copy_(torch.tensor([(1.0 - share) / others] * others + [share]))


def build_answering(
    model: Model, train: Train, schema: Schema, seed: int, code: Code | None = None
) -> nn.Module:
    """Return what a training makes: a network, or a bag where `train` has folds or a blend.

    Every network of a bag has initial weights of its own; the linear model of a blend comes last.
    """

    def network(fold: int) -> nn.Module:
        return build(model, schema, fold_seed(seed, fold, train), code)

    return _answering(model, train, schema, network, build_linear)


def outline(model: Model, train: Train, schema: Schema) -> nn.Module:
    """Return the same without memory for weights, on torch's device meta, to know sizes; not of kind own."""
    with torch.device("meta"):
        return _answering(model, train, schema, lambda _fold: layers(model, schema), _linear_layers)


def _answering(
    model: Model,
    train: Train,
    schema: Schema,
    network: Callable[[int], nn.Module],
    linear: Callable[[Model, Schema], nn.Module],
) -> nn.Module:
    if train.folds == 1 and train.blend == "none":
        return network(0)
    networks = [network(fold) for fold in range(train.folds)]
    if train.blend != "none":
        networks.append(linear(model, schema))
    return Bag(networks, output_count(model, schema), answer_of(model, schema))


def build_linear(model: Model, schema: Schema) -> nn.Module:
    """Return a linear model whose outputs are those of a model."""
    return build(_as_linear(model), schema, 0)


def _linear_layers(model: Model, schema: Schema) -> nn.Module:
    return layers(_as_linear(model), schema)


def _as_linear(model: Model) -> Model:
    return model.model_copy(update={"kind": "linear"})


def fold_seed(seed: int, fold: int, train: Train) -> int:
    """Return the seed of a fold's network; a network alone has the seed itself."""
    return seed if train.folds == 1 else seeds.derive(seed, "fold", fold)
