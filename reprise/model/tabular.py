"""Networks for tables: numbers embedded by their place in the data, and many small networks in one."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from reprise.arithmetic.layers import Dropout
from reprise.arithmetic.table_layers import Answer, Members, Quantiles
from reprise.foundation import seeds
from reprise.prepared.schema import Schema
from reprise.settings.params import Embedding, Tabm

FEWEST_KNOTS, MOST_KNOTS, ROWS_A_KNOT, ROWS_A_BIN = 10, 256, 30, 16


def numbers(schema: Schema) -> tuple[int, ...]:
    """Return the places of those features that are numbers, and not indicators or codes of categories.

    Prepare standardises numbers and leaves the others as they are, with the mean 0 and the deviation 1.
    """
    places = range(len(schema.columns))
    if schema.inputs is None or len(schema.inputs.mean) != len(places):
        return tuple(places)
    told = list(zip(schema.inputs.mean, schema.inputs.std, strict=True))
    return tuple(place for place in places if told[place] != (0.0, 1.0))


class NumberEmbedding(nn.Module):
    """Each number as a few values, learned from its score and bins; all other features as they are.

    A value is b + w · score + filled bins · W, where W starts at zero: at first a number is what it is
    (piecewise-linear embeddings, Gorishniy et al., 2022).

    Attributes
    ----------
    width : int
        Values that come out a row.
    """

    def __init__(self, settings: Embedding, schema: Schema) -> None:
        super().__init__()
        columns, rows = numbers(schema), schema.counts["train"]
        others = sorted(set(range(len(schema.columns))) - set(columns))
        self.others = [(run[0], run[-1] + 1) for run in _runs(others)]
        self.width = settings.width * len(columns) + len(others)
        self.quantiles: Quantiles | None = None
        if columns:
            knots = max(FEWEST_KNOTS, min(rows // ROWS_A_KNOT, MOST_KNOTS))
            bins = min(settings.bins, max(2, rows // ROWS_A_BIN))
            self.quantiles = Quantiles(columns, knots, bins)
            self.mix = nn.Conv2d(
                len(columns) * (1 + bins), len(columns) * settings.width, 1, groups=len(columns)
            )

    def initialise(self, seed: int, name: str) -> None:
        """Give the weights their initial values."""
        if self.quantiles is None:
            return
        with torch.no_grad():
            self.mix.weight.zero_()
            for kind, parameter in (("score", self.mix.weight[:, 0]), ("bias", self.mix.bias)):
                assert parameter is not None
                draws = seeds.uniform(parameter.numel(), seed, "init", name, kind)
                parameter.copy_(torch.from_numpy(2.0 * draws - 1.0).reshape(parameter.shape))

    def forward(self, x: Tensor) -> Tensor:
        """Return embedded features, shape (rows, width), of features (rows, features)."""
        parts = [x[:, first:last] for first, last in self.others]
        if self.quantiles is not None:
            told = self.quantiles(x)
            parts = [self.mix(told.reshape(-1, self.mix.in_channels, 1, 1)).flatten(1), *parts]
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


class PackedMembers(nn.Module):
    """TabM in its packed form: `members` small networks over one embedding (Gorishniy et al., 2024).

    Parameters
    ----------
    settings : Tabm
    schema : Schema
    outputs : int
        Of each member.
    answer : Answer
    """

    def __init__(self, settings: Tabm, schema: Schema, outputs: int, answer: Answer) -> None:
        super().__init__()
        count = settings.members
        self.embedding = NumberEmbedding(settings.embedding, schema)
        widths = [count * width for width in settings.hidden]
        layers: list[nn.Module] = [nn.Linear(self.embedding.width, widths[0]), nn.ReLU()]
        layers += [Dropout(settings.dropout), nn.Unflatten(1, (widths[0], 1, 1))]
        for inside, outside in itertools.pairwise(widths):
            # One product a member: a convolution of one pixel with a group for each.
            layers += [nn.Conv2d(inside, outside, 1, groups=count), nn.ReLU(), Dropout(settings.dropout)]
        layers += [nn.Conv2d(widths[-1], count * outputs, 1, groups=count), nn.Flatten()]
        self.layers = nn.Sequential(*layers)
        self.answer = Members(count, outputs, answer)

    def forward(self, x: Tensor) -> Tensor:
        """Return the answer, shape (rows, outputs); in training all members' outputs."""
        answer: Tensor = self.answer(self.layers(self.embedding(x)))
        return answer


def observe(module: nn.Module, x: Tensor, y: Tensor) -> None:
    """Let a new model take what it needs to know of the train split: quantiles, and the range of values.

    Parameters
    ----------
    module : nn.Module
    x : Tensor, shape (rows, *shape)
    y : Tensor, shape (rows,)
        As the model is trained on them.
    """
    for layer in module.modules():
        if isinstance(layer, Quantiles):
            layer.observe(x.cpu().numpy())
        elif isinstance(layer, Members) and layer.answer == Answer.VALUES:
            layer.range.copy_(torch.tensor([float(y.min()), float(y.max())]))


def _runs(places: list[int]) -> list[list[int]]:
    """Return neighbouring places together."""
    pairs = itertools.groupby(enumerate(places), lambda pair: pair[1] - pair[0])
    return [[place for _, place in group] for _, group in pairs]
