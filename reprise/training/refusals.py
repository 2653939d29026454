"""What a training refuses: parameters that contradict the data, and weights that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.settings.contradictions import HANDED
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
    if train.patience is not None and schema.counts["val"] == 0 and train.folds == 1:
        problems.append("train.patience: needs a validation split, but the data has none; set it to null")
    if schema.task == "regression":
        if train.monitor == "accuracy":
            problems.append("train.monitor: accuracy is for classes, but the target is a number; use loss")
        if train.label_smoothing > 0:
            problems.append("train.label_smoothing: is for classes, but the target is a number; set it to 0")
    problems += _unfit_for_classes(train, schema)
    if (train.augment.shift or train.augment.flip) and schema.layout == "table":
        problems.append(
            "train.augment: is for images, but the data is a table; set shift to 0, flip to false"
        )
    if train.augment.flip and schema.dataset in HANDED:
        problems.append("train.augment.flip: a mirrored digit is another sign; set it to false")
    if train.optimizer == "exact":
        problems += unfit(train, schema)
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
