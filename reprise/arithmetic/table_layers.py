"""Layers of tables' networks: numbers by their place in the data, and models that answer together."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from reprise.arithmetic.normal_scores import normal_scores

WIDEST = torch.finfo(torch.float32).max


class Answer(IntEnum):
    """``enum answer`` of program.h: what members' outputs are."""

    CLASSES = 0
    LOGITS = 1
    VALUES = 2


def frozen(values: Tensor) -> nn.Parameter:
    """Return values that belong to a model and are not trained."""
    return nn.Parameter(values, requires_grad=False)


class Quantiles(nn.Module):
    """Numbers as normal scores of their place among the training rows, and the bins that these fill.

    The score of a number lies on a straight line between the scores of the quantiles around it; a bin is
    filled from 0 to 1 (piecewise-linear encoding, Gorishniy et al., 2022).

    Parameters
    ----------
    columns : tuple of int
        The numbers' places among the features.
    knots : int
        Quantiles a number.
    bins : int

    Attributes
    ----------
    table : Parameter, shape (knots + features * (1 + knots + bins + 1),)
        The knots' scores; then for each number its column, its knots, the edges of its bins.
    """

    def __init__(self, columns: tuple[int, ...], knots: int, bins: int) -> None:
        super().__init__()
        self.columns, self.features, self.knots, self.bins = columns, len(columns), knots, bins
        # Real also in an outline (`reprise.model.bag.outline`): torch takes seconds to learn of cat there.
        own = torch.zeros(len(columns), 1 + knots + bins + 1, device="cpu")
        own[:, 0] = torch.tensor(columns, dtype=torch.float32, device="cpu")
        self.table = frozen(torch.cat([torch.from_numpy(normal_scores(knots)), own.reshape(-1)]))

    def observe(self, x: NDArray[np.float32]) -> None:
        """Take quantiles and edges from the train split, shape (rows, features)."""
        scores = self.table[: self.knots].numpy()
        for number, column in enumerate(self.columns):
            own = self._own()[number]
            ordered = np.sort(x[:, column])
            own[1 : 1 + self.knots] = torch.from_numpy(evenly(ordered, self.knots))
            seen = np.sort(score(ordered, own[1 : 1 + self.knots].numpy(), scores))
            own[1 + self.knots :] = torch.from_numpy(spread_edges(seen, self.bins))

    def forward(self, x: Tensor) -> Tensor:
        """Return scores and filled bins, shape (rows, numbers, 1 + bins), of features (rows, features)."""
        scores, own = self.table[: self.knots], self._own()
        knots, edges = own[:, 1 : 1 + self.knots], own[:, 1 + self.knots :]
        v = x[:, list(self.columns)].unsqueeze(2)
        start, end = (knots < v).sum(2), (knots <= v).sum(2)
        tied = (scores[start.clamp(max=self.knots - 1)] + scores[(end - 1).clamp(min=0)]) * 0.5
        upper = start.clamp(1, self.knots - 1)
        rows = torch.arange(self.features, device=x.device)
        low, high = knots[rows, upper - 1], knots[rows, upper]
        share = ((v.squeeze(2) - low) / (high - low)).clamp(0.0, 1.0)
        between = scores[upper - 1] + (scores[upper] - scores[upper - 1]) * share
        z = torch.where(start < end, tied, between).unsqueeze(2)
        width = edges[:, 1:] - edges[:, :-1]
        filled = ((z - edges[:, :-1]) / width.clamp(min=1e-12)).clamp(0.0, 1.0) * (width > 0)
        return torch.cat([z, filled], dim=2)

    def _own(self) -> Tensor:
        return self.table[self.knots :].view(self.features, -1)


def evenly(ordered: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Return `count` quantiles of ordered values at even shares, between neighbours on a straight line."""
    last = len(ordered) - 1
    made = np.empty(count, np.float32)
    for number in range(count):
        whole, rest = divmod(number * last, max(count - 1, 1))
        low, high = float(ordered[whole]), float(ordered[min(whole + 1, last)])
        made[number] = low + (high - low) * (rest / max(count - 1, 1))
    return made


def score(
    v: NDArray[np.float32], knots: NDArray[np.float32], scores: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return normal scores, as the kernel computes them (docs/arithmetic.md, "Quantiles")."""
    wide, z = knots.astype(np.float64), scores.astype(np.float64)
    start, end = np.searchsorted(knots, v, "left"), np.searchsorted(knots, v, "right")
    last = len(knots) - 1
    tied = (z[np.minimum(start, last)] + z[np.maximum(end - 1, 0)]) * 0.5
    upper = np.clip(start, 1, last)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (v.astype(np.float64) - wide[upper - 1]) / (wide[upper] - wide[upper - 1])
    between = z[upper - 1] + (z[upper] - z[upper - 1]) * share
    found = np.where(start < end, tied, between)
    found = np.where(start > last, z[last], np.where(end == 0, z[0], found))
    return found.astype(np.float32)


SMALLEST_BIN = 0.02  # deviations: narrower ones tell noise apart


def spread_edges(ordered: NDArray[np.float32], bins: int) -> NDArray[np.float32]:
    """Return the edges of bins that hold about as many scores each; those left over are empty, at the end."""
    edges: list[float] = []
    for edge in evenly(ordered, bins + 1).tolist():
        if not edges or edge - edges[-1] >= SMALLEST_BIN:
            edges.append(edge)
    return np.array(edges + edges[-1:] * (bins + 1 - len(edges)), np.float32)


class Members(nn.Module):
    """The last layer of models that answer together; in training it leaves their outputs alone.

    Classes: the logarithm of the members' weighted mean probability; one logit: the logit of it; values:
    the weighted mean, each taken into the range of the training targets.

    Parameters
    ----------
    members, outputs : int
        How many models, and the outputs of each.
    answer : Answer

    Attributes
    ----------
    weight : Parameter, shape (members,)
        Their sum is 1.
    range : Parameter, shape (2,)
    """

    def __init__(self, members: int, outputs: int, answer: Answer) -> None:
        super().__init__()
        self.members, self.outputs, self.answer = members, outputs, answer
        self.weight = frozen(torch.full((members,), 1.0 / members))
        self.range = frozen(torch.tensor([-WIDEST, WIDEST]))

    def forward(self, x: Tensor) -> Tensor:
        """Return the answers, shape (rows, outputs), to outputs of shape (rows, members * outputs)."""
        if self.training:
            return x
        x = x.reshape(len(x), self.members, self.outputs)
        weight = self.weight.unsqueeze(1)
        if self.answer == Answer.VALUES:
            return (x.clamp(self.range[0], self.range[1]) * weight).sum(1)
        if self.answer == Answer.LOGITS:
            yes, no = ((torch.sigmoid(sign * x) * weight).sum(1) for sign in (1.0, -1.0))
            return yes.log() - no.log()
        return (torch.softmax(x, 2) * weight).sum(1).log()
