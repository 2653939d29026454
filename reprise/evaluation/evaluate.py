"""The evaluation of a model on the test split: what the evaluate stage does."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reprise.evaluation import intervals, metrics, tables
from reprise.evaluation.bar import check_bar
from reprise.evaluation.own import own_metrics
from reprise.evaluation.verdict import Verdict, kind_of_rows, summary
from reprise.foundation.errors import UserError
from reprise.foundation.files import csv_text, write_json, write_text
from reprise.model.inference import Inference, load_inference
from reprise.model.losses import decided_classes
from reprise.model.tensors import unscale_target
from reprise.prepared.schema import Schema
from reprise.prepared.shards import Arrays, read_schema, read_split
from reprise.settings.params import Evaluate

# What must be the same in the prepared data and in the model for a figure to mean anything.
BINDING = (
    "task", "layout", "shape", "columns", "target", "classes", "inputs", "target_scale", "encoder"
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Where an evaluation reads and writes: prepared data, model files, metrics."""

    prepared: Path
    model: Path
    metrics: Path


def evaluate(
    params: Evaluate,
    places: Places,
    device: Literal["auto", "cpu", "cuda"],
    workers: int,
    *,
    trust: bool = False,
) -> Verdict:
    """Judge the model on the test split, write the files, then apply the bar.

    `trust` is `load_model`'s.

    Raises
    ------
    UserError
        If model and prepared data don't belong together, the test split is empty, the outputs are not
        finite, or the bar is missed. Only a missed bar leaves new files.
    """
    schema = read_schema(places.prepared)
    inference = load_inference(places.model, device, workers, trust=trust)
    refuse_strangers(schema, inference.card.data, places)
    rows = read_split(places.prepared, schema, "test")
    if len(rows.y) == 0:
        raise UserError(f"{places.prepared}: the test split is empty; raise prepare.split.test")
    outputs = list(inference.outputs(_batches(rows, params.batch_size)))
    _refuse_infinite(outputs, places)
    judge = _judge_classes if schema.task == "classification" else _judge_values
    verdict = judge(outputs, rows, params, inference)
    _write(verdict, params, schema, len(rows.y), places.metrics)
    print(summary(verdict, params.confidence, schema))
    if params.bar is not None:
        print(f"bar met: {check_bar(params.bar, verdict.test, verdict.intervals)}")
    return verdict


def refuse_strangers(prepared: Schema, model: Schema, places: Places) -> None:
    """Refuse a model that was trained on data of another kind, naming the first difference."""
    for name in BINDING:
        if getattr(prepared, name) != getattr(model, name):
            raise UserError(
                f"{places.model}: was trained on other data than {places.prepared} holds "
                f"({name} differs); run the train stage again"
            )


def _batches(rows: Arrays, size: int) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows.x), size):
        yield rows.x[start : start + size]


def _refuse_infinite(outputs: list[Tensor], places: Places) -> None:
    bad = sum(int((~torch.isfinite(batch)).any(dim=1).sum()) for batch in outputs)
    if bad:
        raise UserError(
            f"{places.model}: its outputs are not finite for {bad:,} test rows; "
            "train again with a smaller train.lr or with train.clip_norm"
        )


def _judge_classes(outputs: list[Tensor], rows: Arrays, params: Evaluate, inference: Inference) -> Verdict:
    names, threshold = inference.card.classes, inference.card.threshold
    actual = rows.y
    chances = np.concatenate([inference.probabilities(batch) for batch in outputs])
    predicted = decided_classes(torch.cat(outputs), chances, threshold)
    matrix = metrics.confusion_matrix(actual, predicted, len(names))
    test = metrics.classification_report(matrix, names)
    test["loss"] = _loss(outputs, actual, params.batch_size, inference)
    area = metrics.auc(actual, chances[:, 1]) if len(names) == 2 else None
    if area is not None:
        test["auc"] = area
    if params.own is not None:
        test |= own_metrics(params.own, inference.card.data, actual, predicted, chances, test)
    hits = int(matrix.trace())
    actual_names, predicted_names = ([names[number] for number in c.tolist()] for c in (actual, predicted))
    chance_of_actual = chances[np.arange(len(actual)), actual]
    return Verdict(
        test,
        {"accuracy": intervals.wilson(hits, len(actual), params.confidence)},
        tables.predicted_classes(rows.ids, actual_names, predicted_names, chance_of_actual),
        tables.wrong_classes(rows.ids, actual_names, predicted_names, chance_of_actual),
        threshold,
    )


def _loss(outputs: list[Tensor], actual: NDArray[np.int64], size: int, inference: Inference) -> float:
    """Return the mean cross-entropy, computed in 64 bits."""
    targets = torch.split(torch.from_numpy(actual), size)
    sums = [inference.loss_sum(batch, y) for batch, y in zip(outputs, targets, strict=True)]
    return math.fsum(sums) / len(actual)


def _judge_values(outputs: list[Tensor], rows: Arrays, params: Evaluate, inference: Inference) -> Verdict:
    values = unscale_target(torch.cat(outputs)[:, 0], inference.card.data.target_scale)
    actual, predicted = rows.y.astype(np.float64), values.numpy().astype(np.float64)
    residual = predicted - actual
    found = {
        "mse": intervals.of_mean(np.square(residual).tolist(), params.confidence),
        "mae": intervals.of_mean(np.abs(residual).tolist(), params.confidence),
    }
    test = metrics.regression_report(actual, predicted)
    if params.own is not None:
        test |= own_metrics(params.own, inference.card.data, actual, predicted, None, test)
    return Verdict(
        test,
        {name: interval for name, interval in found.items() if interval is not None},
        tables.predicted_values(rows.ids, actual, predicted),
        tables.largest_residuals(rows.ids, actual, predicted),
    )


def _write(verdict: Verdict, params: Evaluate, schema: Schema, count: int, folder: Path) -> None:
    report = {
        "task": schema.task,
        "rows": count,
        "test_rows_are": kind_of_rows(schema),
        "test": verdict.test,
        "confidence": params.confidence,
        "intervals": {name: interval._asdict() for name, interval in verdict.intervals.items()},
    }
    if verdict.threshold is not None:
        report["threshold"] = verdict.threshold
    write_text(folder / "predictions.csv", csv_text(*verdict.predictions))
    write_text(folder / "mistakes.csv", csv_text(*verdict.mistakes))
    write_json(folder / "metrics.json", report)
