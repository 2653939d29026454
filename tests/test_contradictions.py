"""Parameters that are fine alone and wrong together: each pair is refused, and its fix is accepted."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from reprise.settings.contradictions import DATASETS, contradictions
from reprise.settings.params import Dataset, Params

TABLE = {"kind": "mlp"}
SATURATED = {"augment": {"saturation": 0.5}}
EXACT_MIXED = {"optimizer": "exact", "augment": {"mixup": 0.2}}
NO_VAL = {"val": 0.0}


def problems(**sections: Any) -> list[str]:
    empty: dict[str, Any] = {name: {} for name in ("prepare", "model", "train", "evaluate")}
    return contradictions(Params.model_validate(empty | sections))


CSV = {"dataset": "csv"}


def csv_of(**settings: Any) -> dict[str, Any]:
    """Sections for a csv dataset and a model that fits."""
    return {"prepare": {**CSV, "csv": settings}, "model": TABLE}


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # the contradiction, what mends it, its line
    (
        {"prepare": {"dataset": "iris"}},
        {"model": TABLE},
        "model.kind: cnn needs images, but prepare.dataset: iris is a table; use tabm, mlp or linear",
    ),
    (
        {"prepare": {"dataset": "digits", "flatten": True}, "model": {"kind": "resnet18"}},
        {"model": {"kind": "linear"}},
        "model.kind: resnet18 needs images, but prepare.dataset: digits with prepare.flatten is a table; "
        "use tabm, mlp or linear",
    ),
    (
        {"model": {"kind": "tabm"}},
        {"prepare": {"flatten": True}},
        "model.kind: tabm needs a table, but prepare.dataset: digits is images; "
        "use cnn, or set prepare.flatten: true",
    ),
    (
        {"prepare": {"dataset": "iris", "flatten": True}, "model": TABLE},
        {"prepare": {"dataset": "iris"}},
        "prepare.flatten: true, but iris is a table already; set it to false",
    ),
    (
        {"prepare": {"dataset": "iris", "scale_target": True}, "model": TABLE},
        {"prepare": {"dataset": "iris"}},
        "prepare.scale_target: true, but the target of prepare.dataset: iris is a class; set it to false",
    ),
    (
        {"prepare": {"csv": {"separator": "::"}}},
        {"prepare": {"csv": {"separator": "auto"}}},
        "prepare.csv.separator: must be one character or auto, found '::'",
    ),
    (
        {"prepare": {"csv": {"separator": ""}}},
        {"prepare": {"csv": {"separator": ";"}}},
        "prepare.csv.separator: must be one character or auto, found ''",
    ),
    (
        {"model": {"outputs": "single"}},
        {"model": {}},
        "model.outputs: single is for two classes, but prepare.dataset: digits has 10 classes; use per_class",
    ),
    (
        {"prepare": {"dataset": "diabetes"}, "model": {**TABLE, "outputs": "single"}},
        {"model": TABLE},
        "model.outputs: single is for two classes, but prepare.dataset: diabetes has a regression; "
        "use per_class",
    ),
    (
        {"model": {"cnn": {"channels": [8, 16], "strides": [1]}}},
        {"model": {"cnn": {"channels": [8, 16], "strides": [1, 1]}}},
        "model.cnn.strides: 1 values, but model.cnn.channels has 2; give one stride a convolution",
    ),
    (
        {"prepare": {"split": NO_VAL}, "train": {"patience": 3}},
        {"train": {"patience": None}},
        "train.patience: needs a validation split, but prepare.split has none; "
        "set prepare.split.val above 0 or patience to null",
    ),
    (
        {"prepare": {"split": {"method": "none"}}, "train": {"patience": 3}},
        {"prepare": {}},
        "train.patience: needs a validation split, but prepare.split has none; "
        "set prepare.split.val above 0 or patience to null",
    ),
    (
        {"prepare": {"dataset": "csv", "csv": {"types": {"size": "text"}}}, "model": TABLE},
        {"prepare": {"csv": {"types": {"length": "text"}}}},
        "prepare.csv.types: 'size': dvc does not notice changes of a key of this name; rename the column in "
        "the table, or leave its type to be inferred",
    ),
    (
        {"prepare": {"split": NO_VAL, "dataset": "iris"}, "model": TABLE, "train": {"blend": "auto"}},
        {"train": {"blend": "average"}},
        "train.blend: auto chooses on rows that were not learnt from; set prepare.split.val above 0, "
        "train.folds above 1, or train.blend to average",
    ),
    (
        {"prepare": {"dataset": "iris"}, "model": {"kind": "linear"}, "train": {"blend": "average"}},
        {"train": {"blend": "none"}},
        "train.blend: average adds a linear model, which model.kind: linear is already; "
        "set train.blend to none",
    ),
    (
        {"train": {"blend": "average"}},
        {"prepare": {"flatten": True}, "model": TABLE},
        "train.blend: average is for tables, but prepare.dataset: digits is images; set prepare.flatten "
        "to true, or train.blend to none",
    ),
    (
        {
            "prepare": {"dataset": "iris"},
            "model": TABLE,
            "train": {"blend": "auto", "class_weights": "balanced"},
        },
        {"train": {"class_weights": "none"}},
        "train.blend: auto adds a linear model in which all rows count the same; "
        "set train.class_weights to none",
    ),
    (
        {"prepare": {"dataset": "line"}, "model": TABLE, "train": {"monitor": "accuracy"}},
        {"train": {"monitor": "loss"}},
        "train.monitor: accuracy is for classes; use loss for a regression",
    ),
    (
        {"prepare": {"dataset": "line"}, "model": TABLE, "train": {"label_smoothing": 0.1}},
        {"train": {}},
        "train.label_smoothing: is for classes; set it to 0 for a regression",
    ),
    (
        {"prepare": {"dataset": "line"}, "model": TABLE, "train": {"class_weights": "balanced"}},
        {"train": {"class_weights": "none"}},
        "train.class_weights: is for classes; set it to none for a regression",
    ),
    (
        {
            "prepare": {"dataset": "breast_cancer"},
            "model": TABLE,
            "train": {"folds": 3, "threshold": "best_f1"},
        },
        {"train": {"folds": 1}},
        "train.threshold: best_f1 is chosen on validation rows, which train.folds learns from too; "
        "set one of them to its default",
    ),
    (
        {"prepare": {"dataset": "csv", "csv": {"group": "house"}}, "model": TABLE, "train": {"folds": 3}},
        {"train": {"folds": 1}},
        "train.folds: would tear the groups of prepare.csv.group apart; set train.folds to 1, or group "
        "to null",
    ),
    (
        {"prepare": {"dataset": "line"}, "model": TABLE, "train": {"threshold": 0.4}},
        {"train": {"threshold": 0.5}},
        "train.threshold: is for two classes, but prepare.dataset: line has a regression; set it to 0.5",
    ),
    (
        {"prepare": {"dataset": "iris"}, "model": TABLE, "train": {"threshold": "best_f1"}},
        {"prepare": {"dataset": "breast_cancer"}},
        "train.threshold: is for two classes, but prepare.dataset: iris has 3 classes; set it to 0.5",
    ),
    (
        {
            "prepare": {"dataset": "breast_cancer", "split": NO_VAL},
            "model": TABLE,
            "train": {"threshold": "best_f1"},
        },
        {"train": {"threshold": 0.4}},
        "train.threshold: best_f1 needs a validation split, but prepare.split has none; "
        "set prepare.split.val above 0 or threshold to 0.5",
    ),
    (
        {"train": {"momentum": 0.9}},
        {"train": {"momentum": 0.9, "optimizer": "sgd"}},
        "train.momentum: is for sgd, but train.optimizer is adam; set momentum to 0",
    ),
    (
        {
            "prepare": {"dataset": "mnist", "flatten": True},
            "model": TABLE,
            "train": {"augment": {"shift": 1}},
        },
        {"train": {"augment": {"shift": 0}}},
        "train.augment: shift: for images, but the prepared data is a table; leave it out",
    ),
    (
        {"prepare": {"dataset": "mnist"}, "train": {"augment": {"flip": True}}},
        {"prepare": {"dataset": "cifar10"}},
        "train.augment.flip: a mirrored digit is another sign; set it to false",
    ),
    (
        {
            "prepare": {"dataset": "mnist", "flatten": True},
            "model": TABLE,
            "train": {"augment": {"crop": 0.5, "rotate": 10, "mixup": 0.2}},
        },
        {"train": {"augment": {"mixup": 0.2}}},
        "train.augment: crop, rotate: for images, but the prepared data is a table; leave them out",
    ),
    (
        {"prepare": {"dataset": "images", "images": {"mode": "grayscale"}}, "train": SATURATED},
        {"prepare": {"dataset": "images"}},
        "train.augment.saturation: gray images have no colours; set it to 0",
    ),
    (
        {"prepare": {"dataset": "fashion_mnist"}, "train": SATURATED},
        {"prepare": {"dataset": "cifar10"}},
        "train.augment.saturation: gray images have no colours; set it to 0",
    ),
    (
        {"prepare": {"dataset": "images"}, "train": {"augment": {"cutout": 33}}},
        {"train": {"augment": {"cutout": 32}}},
        "train.augment.cutout: 33 pixels, but the images have 32; use at most 32",
    ),
    (
        {"prepare": {"dataset": "iris"}, "model": {"kind": "linear"}, "train": EXACT_MIXED},
        {"train": {"augment": {"mixup": 0.0}}},
        "train.optimizer: exact solves one model in which all rows count the same; leave train.augment.mixup "
        "out, or use adam",
    ),
    (
        {"model": {"cnn": {"preset": "small", "channels": [3], "strides": [1], "dropout": 0.2}}},
        {"model": {"cnn": {"preset": "small", "dropout": 0.2}}},
        "model.cnn.preset: small stands for other values of channels, strides than model.cnn has beside it; "
        "leave those out, or the preset",
    ),
    (
        {"train": {"batch_size": 4, "slices": 5}},
        {"train": {"batch_size": 5, "slices": 5}},
        "train.slices: 5 slices of a batch of 4; use at most train.batch_size",
    ),
    (
        {"evaluate": {"bar": {"metric": "accuracy"}}},
        {"evaluate": {"bar": {"metric": "accuracy", "interval_contains": 0.5}}},
        "evaluate.bar: sets no condition; give at_least, at_most or interval_contains, or make it null",
    ),
    (
        {"evaluate": {"bar": {"metric": "mse", "at_most": 1.0}}},
        {"evaluate": {"bar": {"metric": "roc_auc", "at_least": 0.5}}},
        "evaluate.bar.metric: 'mse' is not reported for this task; "
        "use one of accuracy, balanced_accuracy, macro_f1, weighted_f1, f1, roc_auc, pr_auc, log_loss, "
        "brier, calibration_error",
    ),
    (
        {"prepare": {"dataset": "line"}, "model": TABLE, "evaluate": {"bar": {"at_least": 0.5}}},
        {"evaluate": {"bar": {"metric": "r2", "at_least": 0.5}}},
        "evaluate.bar.metric: 'accuracy' is not reported for this task; use one of rmse, mse, mae, "
        "median_absolute_error, r2, interval_coverage",
    ),
    (
        csv_of(separator="x"),
        csv_of(separator=";"),
        "prepare.csv.separator: 'x' is not one of ',' ';' '\\t' '|' ':' '~' '^' or auto",
    ),
    (
        csv_of(separator=",", decimal=","),
        csv_of(separator=";", decimal=","),
        "prepare.csv.decimal: ',' is prepare.csv.separator already; set one to auto",
    ),
    (
        csv_of(target="price", drop=["price"]),
        csv_of(target="price", drop=["colour"]),
        "prepare.csv.drop: 'price' is prepare.csv.target already; name another column",
    ),
    (
        {"prepare": {"dataset": "iris"}, "model": TABLE, "train": {"optimizer": "exact"}},
        {"model": {"kind": "linear"}},
        "train.optimizer: exact solves model.kind: linear, but the kind is mlp; set that, or use adam",
    ),
    (
        {"model": {"kind": "linear"}, "train": {"optimizer": "exact", "weight_decay": "auto"}},
        {"prepare": {"flatten": True}},
        "train.optimizer: exact is for tables, but prepare.dataset: digits is images; "
        "set prepare.flatten to true, or use adam",
    ),
    (
        {
            "prepare": {"dataset": "iris"},
            "model": {"kind": "linear"},
            "train": {"optimizer": "exact", "numerics": "native"},
        },
        {"train": {"optimizer": "adam", "numerics": "native"}},
        "train.optimizer: exact is computed by the kernels of train.numerics: portable; "
        "set it to that, or use adam",
    ),
    (
        {"train": {"optimizer": "adam", "weight_decay": "auto"}},
        {"train": {"optimizer": "adam", "weight_decay": 0.1}},
        "train.weight_decay: auto is for train.optimizer: exact, but the optimizer is adam; give a number",
    ),
    (
        csv_of(target="price", id="price"),
        csv_of(target="price", id=None),
        "prepare.csv.id: 'price' is prepare.csv.target already; name another column",
    ),
    (
        csv_of(dates=["day"], types={"day": "numeric"}),
        csv_of(dates=["day"], types={"day": "date"}),
        "prepare.csv.types: 'day' is numeric, but in prepare.csv.dates too; keep one",
    ),
    (
        csv_of(target="price", task="regression", types={"price": "categorical"}),
        csv_of(target="price", task="classification", types={"price": "categorical"}),
        "prepare.csv.types: the target 'price' is categorical; use categorical for a classification, "
        "numeric for a regression",
    ),
]


@pytest.mark.parametrize(
    ("bad", "mended", "line"), CASES, ids=[line.split(";")[0][:50] for *_, line in CASES]
)
def test_a_contradiction_is_refused_and_its_fix_accepted(
    bad: dict[str, Any], mended: dict[str, Any], line: str
) -> None:
    assert problems(**bad) == [line]
    assert problems(**(bad | mended)) == []


def test_several_are_listed_at_once() -> None:
    found = problems(
        prepare={"dataset": "line"},
        train={"monitor": "accuracy", "momentum": 0.5, "augment": {"flip": True}},
    )
    assert [line.split(":")[0] for line in found] == [
        "model.kind", "train.monitor", "train.momentum", "train.augment",
    ]  # fmt: skip


def test_what_only_the_data_decides_is_left_to_the_stages() -> None:
    table = {"dataset": "csv", "scale_target": True}
    assert problems(prepare=table, model={**TABLE, "outputs": "single"}, train={"monitor": "accuracy"}) == []
    assert problems(prepare={"dataset": "images"}, model={"outputs": "single"}) == []
    assert (
        problems(prepare={"dataset": "csv"}, model=TABLE, evaluate={"bar": {"metric": "r2", "at_least": 0.5}})
        == []
    )


def test_a_task_given_for_a_csv_counts() -> None:
    regression = {"dataset": "csv", "csv": {"task": "regression"}}
    assert len(problems(prepare=regression, model=TABLE, train={"monitor": "accuracy"})) == 1
    classification = {"dataset": "csv", "csv": {"task": "classification"}, "scale_target": True}
    assert len(problems(prepare=classification, model=TABLE)) == 1


def test_every_dataset_has_its_facts() -> None:
    assert set(DATASETS) == set(get_args(Dataset))
