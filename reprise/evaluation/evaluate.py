"""The evaluation of a model on the test split: what the evaluate stage does."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from reprise.evaluation import baselines, mistakes, tables
from reprise.evaluation.answers import ClassAnswers, ValueAnswers
from reprise.evaluation.bar import judge_bar
from reprise.evaluation.baselines import Baseline, Learnt
from reprise.evaluation.coverage import covered, half_width
from reprise.evaluation.intervals import wilson
from reprise.evaluation.judged import metrics_of
from reprise.evaluation.metrics import by_class, confusion_matrix
from reprise.evaluation.notes import notes
from reprise.evaluation.own import own_metrics
from reprise.evaluation.plots import plot_tables
from reprise.evaluation.resampled import class_intervals, value_intervals
from reprise.evaluation.results import write_results
from reprise.evaluation.trees import trees, unfit_for_trees
from reprise.evaluation.verdict import Verdict, summary
from reprise.foundation.errors import EnvironmentProblem, UserError
from reprise.foundation.room import require_disk
from reprise.model.inference import Inference, load_inference
from reprise.model.losses import decided_classes
from reprise.model.tensors import unscale_target
from reprise.prepared.names import RowNames, read_names
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


@dataclass(frozen=True)
class Others:
    """What simpler models reach."""

    portable: tuple[Baseline, ...] = ()
    trees: Baseline | None = None


def evaluate(
    params: Evaluate,
    places: Places,
    device: Literal["auto", "cpu", "cuda"],
    workers: int,
    *,
    trust: bool = False,
    simpler: Others | None = None,
) -> Verdict:
    """Judge the model on the test split and write the files; a bar that is missed is recorded in them.

    `trust` is `load_model`'s; `simpler` is what simpler models are known to reach on this data.

    Raises
    ------
    UserError
        If model and prepared data don't belong together, the test split is empty, the outputs are not
        finite, or the bar asks for what this test has not. No file is written then.
    """
    schema = read_schema(places.prepared)
    require_disk(places.metrics)
    inference = load_inference(places.model, device, workers, trust=trust)
    refuse_strangers(schema, inference.card.data, places)
    rows = read_split(places.prepared, schema, "test")
    if len(rows.y) == 0:
        raise UserError(f"{places.prepared}: the test split is empty; raise prepare.split.test")
    names = read_names(places.prepared, schema, rows.ids)
    # The simpler models are fitted while the model's answers are judged, where these come from the kernels.
    with ThreadPoolExecutor(1) as beside:
        others = beside.submit(lambda: simpler or _others(params, places, schema, rows, workers))
        if inference.program is None:
            # A call of any torch module fails while torch.fx follows another one, here the simpler models'.
            others.result()
        outputs = _outputs(inference, rows, params, places)
        if schema.task == "classification":
            verdict = _judge_classes(outputs, rows, names, params, inference)
        else:
            width = _half_width(params, places, inference)
            verdict = _judge_values(outputs, rows, names, params, inference, width)
        found = others.result()
    bar = None if params.bar is None else judge_bar(params.bar, verdict.test, verdict.intervals)
    verdict = replace(verdict, baselines=found.portable, trees=found.trees, bar=bar)
    write_results(verdict, params, schema, places.metrics)
    print(summary(verdict, params.confidence, schema))
    return verdict


def refuse_strangers(prepared: Schema, model: Schema, places: Places) -> None:
    """Refuse a model that was trained on data of another kind, naming the first difference."""
    for name in BINDING:
        if getattr(prepared, name) != getattr(model, name):
            raise UserError(
                f"{places.model}: was trained on other data than {places.prepared} holds "
                f"({name} differs); run the train stage again"
            )


def _outputs(inference: Inference, rows: Arrays, params: Evaluate, places: Places) -> list[Tensor]:
    """Return the model's outputs for rows, in batches."""
    outputs = list(inference.outputs(_batches(rows, params.batch_size)))
    bad = sum(int((~torch.isfinite(batch)).any(dim=1).sum()) for batch in outputs)
    if bad:
        raise UserError(
            f"{places.model}: its outputs are not finite for {bad:,} test rows; "
            "train again with a smaller train.lr or with train.clip_norm"
        )
    return outputs


def _batches(rows: Arrays, size: int) -> Iterator[NDArray[Any]]:
    for start in range(0, len(rows.x), size):
        yield rows.x[start : start + size]


def _others(params: Evaluate, places: Places, schema: Schema, rows: Arrays, workers: int) -> Others:
    if params.baselines == "none":
        return Others()
    learnt = baselines.learnt_rows(places.prepared, schema)
    found = [baselines.constant(schema, learnt, rows.y)]
    if baselines.unfit_for_linear(schema) is None:
        # Without a compiler there are no kernels; a model in native numerics doesn't need them.
        with suppress(EnvironmentProblem):
            found.append(baselines.linear(schema, learnt, rows.x, rows.y))
    return Others(tuple(found), _trees(params, schema, learnt, rows, workers))


def _trees(params: Evaluate, schema: Schema, learnt: Learnt, rows: Arrays, workers: int) -> Baseline | None:
    if params.baselines != "all" or unfit_for_trees(schema) is not None:
        return None
    try:
        return trees(schema, learnt, rows.x, rows.y, workers)
    except ImportError:
        print("note: scikit-learn is not installed here: no comparison with its trees")
        return None


def _judge_classes(
    outputs: list[Tensor], rows: Arrays, row_names: RowNames, params: Evaluate, inference: Inference
) -> Verdict:
    schema, threshold = inference.card.data, inference.card.threshold
    names, actual = schema.classes, rows.y
    exact = np.concatenate([inference.exact_probabilities(batch) for batch in outputs])
    unjudged = baselines.class_answers(actual, exact)
    predicted = decided_classes(torch.cat(outputs), unjudged.chances, threshold)
    answers = ClassAnswers(actual, predicted, unjudged.chances, unjudged.losses)
    test = metrics_of(answers)
    intervals = class_intervals(answers, test, params.confidence, inference.workers)
    extra = own_metrics(params.own, schema, actual, predicted, answers.chances, test)
    told, guessed = ([names[number] for number in numbers.tolist()] for numbers in (actual, predicted))
    return Verdict(
        test | extra,
        tuple(extra),
        intervals,
        by_class(confusion_matrix(actual, predicted, len(names)), names),
        tables.predicted_classes(rows.ids, told, guessed, answers.chance_of_actual),
        mistakes.wrong_classes(row_names, answers, names),
        plot_tables(answers, rows.x, inference),
        notes=tuple(notes(answers, schema)),
        threshold=threshold,
    )


def _judge_values(
    outputs: list[Tensor],
    rows: Arrays,
    row_names: RowNames,
    params: Evaluate,
    inference: Inference,
    width: float | None,
) -> Verdict:
    schema = inference.card.data
    answers = _values(outputs, rows, schema)
    test = metrics_of(answers)
    intervals = value_intervals(answers, test, params.confidence, inference.workers)
    if width is not None:
        hits = covered(answers.residual, width)
        test["interval_coverage"] = hits / len(rows.y)
        intervals["interval_coverage"] = wilson(hits, len(rows.y), params.confidence)
    extra = own_metrics(params.own, schema, answers.actual, answers.predicted, None, test)
    return Verdict(
        test | extra,
        tuple(extra),
        intervals,
        {},
        tables.predicted_values(rows.ids, answers.actual, answers.predicted),
        mistakes.largest_residuals(row_names, answers),
        plot_tables(answers, rows.x, inference),
        notes=tuple(notes(answers, schema)),
        half_width=width,
    )


def _half_width(params: Evaluate, places: Places, inference: Inference) -> float | None:
    """Return how wide prediction intervals must be, by the validation split."""
    val = read_split(places.prepared, inference.card.data, "val")
    return half_width(
        _values(_outputs(inference, val, params, places), val, inference.card.data).residual,
        params.confidence,
    )


def _values(outputs: list[Tensor], rows: Arrays, schema: Schema) -> ValueAnswers:
    made = torch.cat([torch.empty(0, 1), *outputs])[:, 0]
    values = unscale_target(made, schema.target_scale).numpy()
    return ValueAnswers(rows.y.astype(np.float64), values.astype(np.float64))
