"""What a training refuses: parameters that contradict the data, and weights that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.settings.augmentation import unfit_augmentation
from reprise.settings.params import EVEN, Params, Train
from reprise.training.exact import unfit


def refuse_unfit(params: Params, schema: Schema) -> None:
    """Refuse parameters that contradict the data, now that it is known.

    Raises
    ------
    UserError
        One line per contradiction.
    """
    train = params.train
    problems = []
    if schema.counts["train"] == 0:
        problems.append("prepare.split: the train split is empty; give it rows")
    if train.folds > schema.counts["train"] + schema.counts["val"]:
        rows = schema.counts["train"] + schema.counts["val"]
        problems.append(f"train.folds: {train.folds} folds of {rows} rows; use at most as many as rows")
    if train.blend == "auto" and schema.counts["val"] == 0 and train.folds == 1:
        problems.append(
            "train.blend: auto needs a validation split or folds, but the data has none; use average"
        )
    if train.blend != "none" and schema.layout != "table":
        problems.append("train.blend: is for tables, but the data is images; set it to none")
    if train.patience is not None and schema.counts["val"] == 0 and train.folds == 1:
        problems.append("train.patience: needs a validation split, but the data has none; set it to null")
    if schema.task == "regression":
        if train.monitor == "accuracy":
            problems.append("train.monitor: accuracy is for classes, but the target is a number; use loss")
        if train.label_smoothing > 0:
            problems.append("train.label_smoothing: is for classes, but the target is a number; set it to 0")
    problems += _unfit_for_classes(train, schema)
    channels, side = (schema.shape[0], min(schema.shape[1:])) if schema.layout == "images" else (None, None)
    problems += unfit_augmentation(train.augment, schema.dataset, schema.layout, channels, side)
    if train.optimizer == "exact":
        problems += unfit(train, schema, of_features=params.model.kind == "pretrained")
    if problems:
        raise UserError(*problems)


def _unfit_for_classes(train: Train, schema: Schema) -> Iterator[str]:
    names, validation = schema.classes, schema.class_counts.get("val", {})
    if train.class_weights != "none" and not names:
        yield "train.class_weights: is for classes, but the target is a number; set it to none"
    if train.threshold == EVEN:
        return
    if len(names) != 2:
        found = f"{len(names)} classes" if names else "a number for a target"
        yield f"train.threshold: is for two classes, but the data has {found}; set it to 0.5"
    elif train.threshold == "best_f1" and schema.counts["val"] == 0:
        yield "train.threshold: best_f1 needs a validation split, but the data has none; set it to 0.5"
    elif train.threshold == "best_f1" and validation.get(names[1]) == 0:
        yield (
            f"train.threshold: best_f1 needs rows of class {names[1]!r} in the validation split, "
            "which has none; raise prepare.split.val or set it to 0.5"
        )


def refuse_infinite_weights(model: nn.Module) -> None:
    """Refuse a model whose last step diverged, before anything is written: NaN's bits differ between CPUs.

    Raises
    ------
    UserError
        If a parameter or a buffer is not finite.
    """
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise UserError(
                f"train: {name} is not finite after the last step: the training diverged; "
                "lower train.lr or set train.clip_norm: 1.0"
            )
