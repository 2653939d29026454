"""From which probability on the second of two classes is predicted, decided on the validation split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from reprise.arithmetic.runtime import Device
from reprise.foundation.ordering import distinct
from reprise.model.card import ModelCard
from reprise.model.inference import inference_of
from reprise.model.tensors import Rows
from reprise.settings.params import EVEN

BATCH = 512  # rows; fixed: torch's own bits may depend on it


def threshold_of(
    module: nn.Module, card: ModelCard, validation: Rows, device: Device, workers: int
) -> float | None:
    """Return the threshold that `train.threshold` asks for; None: the more probable class is predicted.

    Parameters
    ----------
    module : nn.Module
        Trained, with the weights that are kept.
    card : ModelCard
    validation : Rows
        With rows of the second class, for best_f1.
    device : {"cpu", "cuda"}
        Where the module is.
    workers : int
    """
    asked = card.train.threshold
    if asked == EVEN:
        return None
    if asked != "best_f1":
        return asked
    inference = inference_of(module.eval(), card, device, workers)
    chances = [inference.probabilities(outputs)[:, 1] for outputs in inference.outputs(_stored(validation))]
    return best_f1(validation.y.cpu().numpy(), np.concatenate(chances))


def best_f1(actual: NDArray[np.int64], chance: NDArray[np.float64]) -> float:
    """Return the threshold with the best F1 of class 1, which is predicted where chance >= threshold.

    It is one of the chances, or 0.5: of equally good ones that nearest to 0.5, of two equally near ones the
    larger one.

    Parameters
    ----------
    actual : array (rows,)
        0 or 1, with a 1 at least.
    chance : array (rows,)
        The probability of class 1.
    """
    values = np.append(chance, EVEN)
    place, counts = distinct(values)
    counts[place[-1]] -= 1  # 0.5 is no row
    thresholds = np.empty(len(counts))
    thresholds[place] = values
    hits = np.bincount(place[:-1][actual == 1], minlength=len(counts))
    found, predicted = (np.cumsum(part[::-1])[::-1] for part in (hits, counts))
    f1 = 2 * found / (predicted + found[0])  # whole numbers and one division: exact up to its rounding
    best: list[float] = thresholds[f1 == f1.max()].tolist()
    return min(best, key=lambda value: (abs(value - EVEN), -value))


def _stored(rows: Rows) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows.x[start : start + BATCH].cpu().numpy()
