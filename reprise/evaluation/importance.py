"""Permutation importance: how much worse a model of a table gets when it can't rely on a column.

A raw column's values are exchanged between the test rows, in all features that are made of it, and the loss
is computed again (Breiman, 2001; Fisher, Rudin and Dominici, 2019: model reliance as a difference). Of two
columns that say the same neither may look important.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from reprise.evaluation.metrics import mean
from reprise.evaluation.probabilities import log_losses
from reprise.evaluation.tables import Table
from reprise.foundation.seeds import permutation
from reprise.model.inference import Inference, rounded
from reprise.model.losses import decided_classes
from reprise.model.tensors import unscale_target
from reprise.prepared.schema import Schema

BUDGET = 10**10  # multiplications, or what takes as long, over all: about a second on one core
OVERHEAD, A_CLASS = 6000, 200  # of a row, and of each class's probability
REPEATS = 5
FEWEST_ROWS, ENOUGH_ROWS = 100, 500
FLOATS = 2**22  # of a batch
LISTED = 50  # columns


class Group(NamedTuple):
    """The features, first to last - 1, that a raw column became."""

    name: str
    first: int
    last: int


class Plan(NamedTuple):
    """How many columns are permuted, how often, over how many rows."""

    columns: int
    repeats: int
    rows: int


class Fit(NamedTuple):
    """How well a model does on some rows."""

    loss: float
    score: float  # accuracy, or rmse


def raw_columns(schema: Schema) -> list[Group]:
    """Return the raw columns of a table that features are made of; without an encoder, its features."""
    if schema.encoder is None or not schema.encoder_widths:
        return [Group(name, place, place + 1) for place, name in enumerate(schema.columns)]
    groups, first = [], 0
    for column, width in zip(schema.encoder["columns"], schema.encoder_widths, strict=True):
        if width:
            groups.append(Group(column["name"], first, first + width))
        first += width
    return groups


def plan(columns: int, rows: int, features: int, weights: int, classes: int = 0) -> Plan:
    """Return what there is time for, by sizes alone.

    Permuting one column costs rows × (weights + features + 200 · classes + 6000). With `BUDGET` for all: 5
    repeats over all rows; if that is too much, over fewer rows, but 500; then fewer repeats; then fewer rows,
    but 100; then the first columns alone, but 50.

    Parameters
    ----------
    columns, rows, features : int
        Raw columns, test rows, features.
    weights : int
        The model's parameters: each is one multiplication a row, or so.
    classes : int
        0 for a regression.
    """
    row_cost = weights + features + A_CLASS * classes + OVERHEAD
    passes = BUDGET // row_cost  # rows, over all columns and repeats
    most_rows = min(rows, max(FEWEST_ROWS, FLOATS // features))
    enough = min(most_rows, ENOUGH_ROWS)
    repeats = max(1, min(REPEATS, passes // (columns * enough)))
    used = max(min(most_rows, FEWEST_ROWS), min(most_rows, passes // (columns * repeats)))
    return Plan(min(columns, max(LISTED, passes // (repeats * used))), repeats, used)


def importance_table(
    schema: Schema, x: NDArray[Any], actual: NDArray[Any], inference: Inference, seed: int
) -> Table:
    """Return the raw columns, the most important one first, at most 50; none of them for images.

    Mean and standard deviation over the repeats of how much the loss rises (cross-entropy, or the mean
    squared error in the target's unit), and how much accuracy falls or the rmse rises; the rows and repeats
    that they were computed with (see `plan`).

    Parameters
    ----------
    schema : Schema
    x : array (rows, *shape)
        The test rows as they are stored.
    actual : array (rows,)
        Class numbers, or values in their own unit.
    inference : Inference
    seed : int
        Of the permutations and of the choice of rows.
    """
    score = "accuracy_fall" if schema.task == "classification" else "rmse_rise"
    header = ("column", "loss_rise", "loss_rise_std", score, f"{score}_std", "rows", "repeats")
    groups = raw_columns(schema) if schema.layout == "table" and x.ndim == 2 else []
    if not groups:
        return Table(header, [])
    weights = sum(parameter.numel() for parameter in inference.module.parameters())
    chosen = plan(len(groups), len(x), x.shape[1], weights, len(schema.classes))
    kept = np.sort(permutation(len(x), seed, "importance rows")[: chosen.rows])
    x, actual = x[kept], actual[kept]
    groups = groups[: chosen.columns]
    outputs = inference.outputs(_permuted(x, groups, chosen.repeats, seed))
    whole = _fit(next(outputs), actual, inference)
    sign = -1.0 if schema.task == "classification" else 1.0
    rows: list[tuple[Any, ...]] = []
    for group in groups:
        fits = [_fit(next(outputs), actual, inference) for _ in range(chosen.repeats)]
        losses = _mean_and_deviation([fit.loss - whole.loss for fit in fits])
        scores = _mean_and_deviation([sign * (fit.score - whole.score) for fit in fits])
        rows.append((group.name, *losses, *scores, chosen.rows, chosen.repeats))
    rows.sort(key=lambda row: -row[1])  # stable: equals stay in the table's order
    return Table(header, rows[:LISTED])


def _permuted(x: NDArray[Any], groups: Sequence[Group], repeats: int, seed: int) -> Iterator[NDArray[Any]]:
    """Yield the rows as they are, and then for each column and repeat with that column permuted."""
    yield x
    for group in groups:
        for repeat in range(repeats):
            order = permutation(len(x), seed, "importance", group.name, repeat)
            changed = x.copy()
            changed[:, group.first : group.last] = x[order, group.first : group.last]
            yield changed


def _fit(outputs: Tensor, actual: NDArray[Any], inference: Inference) -> Fit:
    card, count = inference.card, len(actual)
    if card.task == "classification":
        exact = inference.exact_probabilities(outputs)
        losses = log_losses(exact[np.arange(count), actual])
        right = decided_classes(outputs, rounded(exact), card.threshold) == actual
        return Fit(mean(losses.tolist()), int(right.sum()) / count)
    predicted = unscale_target(outputs[:, 0], card.data.target_scale).numpy().astype(np.float64)
    loss = mean(np.square(predicted - actual).tolist())
    return Fit(loss, math.sqrt(loss))


def _mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    centre = mean(values)
    return centre, math.sqrt(mean((value - centre) * (value - centre) for value in values))
