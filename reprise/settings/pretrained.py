"""What can't stand beside ``model.kind: pretrained``."""

from __future__ import annotations

from collections.abc import Iterator

from reprise.settings.augmentation import changed_keys
from reprise.settings.params import BACKBONE_SIZE, Params


def of_pretrained(params: Params) -> Iterator[str]:
    """Yield one line for each parameter that a pretrained network doesn't go with."""
    prepare, train = params.prepare, params.train
    yield from _of_pictures(params)
    if prepare.normalise != "none":
        yield (
            f"prepare.normalise: {prepare.normalise}, but model.kind: pretrained normalises by itself, as "
            "its weights were trained; set it to none"
        )
    if train.folds > 1:
        yield "train.folds: has no meaning for model.kind: pretrained yet; set it to 1"
    tunes_all = params.model.pretrained.tune == "all"
    changed = changed_keys(train.augment)
    if changed and not tunes_all:
        yield (
            f"train.augment: {', '.join(changed)}: with model.pretrained.tune: head features are computed "
            f"once, of the pictures as they are; leave {'it' if len(changed) == 1 else 'them'} out, or set "
            "tune to all"
        )
    if train.optimizer == "exact" and tunes_all:
        yield (
            "train.optimizer: exact solves one linear layer, but model.pretrained.tune is all; set that to "
            "head, or use adamw with a small lr"
        )


def _of_pictures(params: Params) -> Iterator[str]:
    prepare = params.prepare
    if prepare.dataset != "images":
        yield (
            "model.kind: pretrained is for folders of pictures (prepare.dataset: images), but "
            f"prepare.dataset is {prepare.dataset}; use another kind"
        )
        return
    if prepare.flatten:
        yield "prepare.flatten: true, but model.kind: pretrained needs images; set it to false"
    if prepare.images.pixels != BACKBONE_SIZE:
        yield (
            f"prepare.images.pixels: {prepare.images.pixels}, but {params.model.pretrained.backbone} was "
            f"trained on {BACKBONE_SIZE}; set it to that"
        )
    if prepare.images.mode != "rgb":
        yield (
            f"prepare.images.mode: {prepare.images.mode}, but backbones were trained on colours; set it to "
            "rgb, which gray pictures become too"
        )
