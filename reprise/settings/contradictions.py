"""Parameters that are fine alone and wrong together, found before any work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from reprise.settings.augmentation import unfit_augmentation
from reprise.settings.free import UNSEEN_BY_DVC
from reprise.settings.params import EVEN, Csv, Params, Prepare
from reprise.settings.presets import CNN_PRESETS
from reprise.settings.pretrained import of_pretrained


class Facts(NamedTuple):
    """What is known of a dataset before it is read; None where the data decides."""

    layout: Literal["table", "images"] | None
    task: Literal["classification", "regression"] | None
    classes: int | None
    official_test: bool


DATASETS: dict[str, Facts] = {
    "line": Facts("table", "regression", None, False),
    "random": Facts("table", "classification", 2, True),
    "uniform": Facts("table", "classification", 2, True),
    "iris": Facts("table", "classification", 3, False),
    "breast_cancer": Facts("table", "classification", 2, False),
    "diabetes": Facts("table", "regression", None, False),
    "digits": Facts("images", "classification", 10, False),
    "mnist": Facts("images", "classification", 10, True),
    "fashion_mnist": Facts("images", "classification", 10, True),
    "cifar10": Facts("images", "classification", 10, True),
    "csv": Facts("table", None, None, False),
    "images": Facts("images", "classification", None, False),
    "own": Facts(None, None, None, False),
}
SEPARATORS = (",", ";", "\t", "|", ":", "~", "^")
WORKBOOKS = (".xlsx", ".xlsm")
REGRESSION_METRICS = ("rmse", "mse", "mae", "median_absolute_error", "r2", "interval_coverage")
CLASSIFICATION_METRICS = (
    "accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "f1", "roc_auc", "pr_auc", "log_loss",
    "brier", "calibration_error",
)  # fmt: skip


def contradictions(params: Params) -> list[str]:
    """Return one line for each pair of parameters that can't stand together."""
    facts = DATASETS[params.prepare.dataset]
    task = params.prepare.csv.task if params.prepare.dataset == "csv" else facts.task
    return [
        *_of_prepare(params, task),
        *_of_model(params, facts, task),
        *(of_pretrained(params) if params.model.kind == "pretrained" else ()),
        *_of_train(params, facts, task),
        *_of_classes(params, facts, task),
        *_of_evaluate(params, task),
    ]


def _of_prepare(params: Params, task: str | None) -> Iterator[str]:
    prepare = params.prepare
    if prepare.scale_target and task == "classification":
        yield (
            "prepare.scale_target: true, but the target of "
            f"prepare.dataset: {prepare.dataset} is a class; set it to false"
        )
    if prepare.flatten and DATASETS[prepare.dataset].layout == "table":
        yield f"prepare.flatten: true, but {prepare.dataset} is a table already; set it to false"
    if len(prepare.csv.separator) != 1 and prepare.csv.separator != "auto":
        yield f"prepare.csv.separator: must be one character or auto, found {prepare.csv.separator!r}"
    if prepare.dataset == "csv":
        yield from _of_csv(prepare.csv)
    yield from _of_split(prepare)


def _of_split(prepare: Prepare) -> Iterator[str]:
    split, csv = prepare.split, prepare.csv
    if split.method != "time":
        if split.by is not None:
            yield (
                f"prepare.split.by: {split.by!r} orders nothing with prepare.split.method: {split.method}; "
                "set the method to time, or by to null"
            )
        return
    if prepare.dataset != "csv":
        yield (
            "prepare.split.method: time needs a table of your own with a date or a number to go by, but "
            f"prepare.dataset is {prepare.dataset}; use stratified"
        )
        return
    if split.by is None:
        yield "prepare.split.by: null, but prepare.split.method: time needs the column that orders the rows"
    elif split.by == csv.target:
        yield f"prepare.split.by: {split.by!r} is prepare.csv.target already; name another column"
    elif (kind := csv.types.get(split.by, "date")) not in ("date", "numeric"):
        yield f"prepare.split.by: {split.by!r} is {kind} in prepare.csv.types; name a date or a number"
    if csv.group is not None:
        yield (
            "prepare.split.method: time takes no account of groups; "
            "set prepare.csv.group to null, or use stratified or shuffle"
        )


def _of_csv(csv: Csv) -> Iterator[str]:
    if len(csv.separator) == 1 and csv.separator not in SEPARATORS:
        known = " ".join(map(repr, SEPARATORS))
        yield f"prepare.csv.separator: {csv.separator!r} is not one of {known} or auto"
    if csv.separator == csv.decimal == ",":
        yield f"prepare.csv.decimal: {csv.decimal!r} is prepare.csv.separator already; set one to auto"
    for key, names in (("drop", csv.drop), ("id", (csv.id,)), ("group", (csv.group,)), ("dates", csv.dates)):
        if csv.target in names:
            yield f"prepare.csv.{key}: {csv.target!r} is prepare.csv.target already; name another column"
    for name in (name for name in csv.types if name in UNSEEN_BY_DVC):
        yield (
            f"prepare.csv.types: {name!r}: dvc does not notice changes of a key of this name; rename the "
            "column in the table, or leave its type to be inferred"
        )
    paths = [csv.path] if csv.test_path is None else [csv.path, csv.test_path]
    if csv.sheet is not None and not any(path.lower().endswith(WORKBOOKS) for path in paths):
        yield f"prepare.csv.sheet: {csv.sheet!r}, but {csv.path} is no workbook (.xlsx); set it to null"
    for name in csv.dates:
        if csv.types.get(name, "date") != "date":
            yield f"prepare.csv.types: {name!r} is {csv.types[name]}, but in prepare.csv.dates too; keep one"
    kind = csv.types.get(csv.target)
    if kind not in (None, "numeric", "categorical") or (kind == "categorical" and csv.task == "regression"):
        yield (
            f"prepare.csv.types: the target {csv.target!r} is {kind}; use categorical for a classification, "
            "numeric for a regression"
        )


def _of_model(params: Params, facts: Facts, task: str | None) -> Iterator[str]:
    model, prepare = params.model, params.prepare
    is_table = facts.layout == "table" or prepare.flatten
    if is_table and model.kind in ("cnn", "resnet18"):
        why = "" if facts.layout == "table" else "with prepare.flatten"
        yield (
            f"model.kind: {model.kind} needs images, but prepare.dataset: {prepare.dataset} {why}".rstrip()
            + " is a table; use tabm, mlp or linear"
        )
    if facts.layout == "images" and not is_table and model.kind == "tabm":
        yield (
            f"model.kind: tabm needs a table, but prepare.dataset: {prepare.dataset} is images; "
            "use cnn, or set prepare.flatten: true"
        )
    if model.outputs == "single" and (task == "regression" or (facts.classes or 2) != 2):
        found = "a regression" if task == "regression" else f"{facts.classes} classes"
        yield (
            f"model.outputs: single is for two classes, but prepare.dataset: {prepare.dataset} "
            f"has {found}; use per_class"
        )
    if model.cnn.preset is not None:
        preset = CNN_PRESETS[model.cnn.preset]
        others = [key for key, value in preset.items() if getattr(model.cnn, key) != value]
        if others:
            yield (
                f"model.cnn.preset: {model.cnn.preset} stands for other values of {', '.join(others)} than "
                "model.cnn has beside it; leave those out, or the preset"
            )
    elif len(model.cnn.channels) != len(model.cnn.strides):
        yield (
            f"model.cnn.strides: {len(model.cnn.strides)} values, but model.cnn.channels has "
            f"{len(model.cnn.channels)}; give one stride a convolution"
        )


def _of_train(params: Params, facts: Facts, task: str | None) -> Iterator[str]:
    train = params.train
    if train.patience is not None and not _has_val(params.prepare) and train.folds == 1:
        yield (
            "train.patience: needs a validation split, but prepare.split has none; "
            "set prepare.split.val above 0 or patience to null"
        )
    if train.monitor == "accuracy" and task == "regression":
        yield "train.monitor: accuracy is for classes; use loss for a regression"
    if train.label_smoothing > 0 and task == "regression":
        yield "train.label_smoothing: is for classes; set it to 0 for a regression"
    if train.optimizer == "exact":
        yield from _of_exact(params, facts)
    elif train.weight_decay == "auto":
        yield (
            "train.weight_decay: auto is for train.optimizer: exact, but the optimizer is "
            f"{train.optimizer}; give a number"
        )
    if train.momentum > 0 and train.optimizer != "sgd":
        yield f"train.momentum: is for sgd, but train.optimizer is {train.optimizer}; set momentum to 0"
    yield from _of_augment(params, facts)
    if train.folds > 1 and params.prepare.dataset == "csv" and params.prepare.csv.group is not None:
        yield (
            "train.folds: would tear the groups of prepare.csv.group apart; set train.folds to 1, or group "
            "to null"
        )
    if train.folds > 1 and train.threshold == "best_f1":
        yield (
            "train.threshold: best_f1 is chosen on validation rows, which train.folds learns from too; "
            "set one of them to its default"
        )
    if train.blend != "none":
        yield from _of_blend(params, facts)
    if train.slices > train.batch_size:
        yield (
            f"train.slices: {train.slices} slices of a batch of {train.batch_size}; "
            "use at most train.batch_size"
        )


def _of_augment(params: Params, facts: Facts) -> Iterator[str]:
    prepare = params.prepare
    channels, side = None, None
    if prepare.dataset == "images":
        channels, side = 1 if prepare.images.mode == "grayscale" else 3, prepare.images.pixels
    layout = "table" if prepare.flatten else facts.layout
    yield from unfit_augmentation(params.train.augment, prepare.dataset, layout, channels, side)


def _of_classes(params: Params, facts: Facts, task: str | None) -> Iterator[str]:
    train, dataset = params.train, params.prepare.dataset
    if train.class_weights != "none" and task == "regression":
        yield "train.class_weights: is for classes; set it to none for a regression"
    if train.threshold == EVEN:
        return
    if task == "regression" or (facts.classes or 2) != 2:
        found = "a regression" if task == "regression" else f"{facts.classes} classes"
        yield (
            f"train.threshold: is for two classes, but prepare.dataset: {dataset} has {found}; set it to 0.5"
        )
    elif train.threshold == "best_f1" and not _has_val(params.prepare):
        yield (
            "train.threshold: best_f1 needs a validation split, but prepare.split has none; "
            "set prepare.split.val above 0 or threshold to 0.5"
        )


def _has_val(prepare: Prepare) -> bool:
    return prepare.split.val > 0 and prepare.split.method != "none"


def _of_exact(params: Params, facts: Facts) -> Iterator[str]:
    where, train = "train.optimizer: exact", params.train
    unlike = {
        "folds": train.folds > 1, "class_weights": train.class_weights != "none",
        "augment.mixup": train.augment.mixup > 0,
    }  # fmt: skip
    for key in (key for key, chosen in unlike.items() if chosen):
        yield f"{where} solves one model in which all rows count the same; leave train.{key} out, or use adam"
    if params.model.kind not in ("linear", "pretrained"):
        yield f"{where} solves model.kind: linear, but the kind is {params.model.kind}; set that, or use adam"
    if params.model.kind == "linear" and facts.layout == "images" and not params.prepare.flatten:
        yield (
            f"{where} is for tables, but prepare.dataset: {params.prepare.dataset} is images; "
            "set prepare.flatten to true, or use adam"
        )
    if train.numerics != "portable":
        yield f"{where} is computed by the kernels of train.numerics: portable; set it to that, or use adam"


def _of_blend(params: Params, facts: Facts) -> Iterator[str]:
    where, train = f"train.blend: {params.train.blend}", params.train
    if params.model.kind == "linear":
        yield f"{where} adds a linear model, which model.kind: linear is already; set train.blend to none"
    if facts.layout == "images" and not params.prepare.flatten:
        yield (
            f"{where} is for tables, but prepare.dataset: {params.prepare.dataset} is images; "
            "set prepare.flatten to true, or train.blend to none"
        )
    if train.class_weights != "none":
        yield f"{where} adds a linear model in which all rows count the same; set train.class_weights to none"
    if train.blend == "auto" and train.folds == 1 and not _has_val(params.prepare):
        yield (
            f"{where} chooses on rows that were not learnt from; set prepare.split.val above 0, "
            "train.folds above 1, or train.blend to average"
        )


def _of_evaluate(params: Params, task: str | None) -> Iterator[str]:
    bar = params.evaluate.bar
    if bar is None:
        return
    if bar.at_least is None and bar.at_most is None and bar.interval_contains is None:
        yield "evaluate.bar: sets no condition; give at_least, at_most or interval_contains, or make it null"
    regression = REGRESSION_METRICS if task != "classification" else ()
    classification = CLASSIFICATION_METRICS if task != "regression" else ()
    known = ", ".join(dict.fromkeys((*regression, *classification)))
    if bar.metric not in known.split(", "):
        if params.evaluate.own is not None:
            return  # whether own/metrics.py reports it is known when it was called
        yield f"evaluate.bar.metric: {bar.metric!r} is not reported for this task; use one of {known}"
