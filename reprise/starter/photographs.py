"""Folders of photographs: a backbone trained on a million others, and a linear layer on its features."""

from __future__ import annotations

from typing import NamedTuple

from reprise.settings.params import BACKBONE_SIZE
from reprise.starter.folder import FolderLook

LARGE_ENOUGH = 100  # pixels of a usual shorter side: smaller pictures are drawings, signs or icons
MOST_SOLVED = 300_000  # pictures times classes; solving for more takes minutes
VAL, ENOUGH_VAL = 0.15, 100  # share, and pictures from which that many decide by themselves


class Photographs(NamedTuple):
    """Lines of params.yaml, and why they were chosen.

    Attributes
    ----------
    model, train : list of str
        Lines of the sections.
    val : float
        Share of a validation split.
    """

    model: list[str]
    train: list[str]
    val: float


def are_photographs(look: FolderLook) -> bool:
    """Whether pictures look like those that backbones were trained on: in colour and not small."""
    return look.mode == "rgb" and look.side >= LARGE_ENOUGH


def why(look: FolderLook) -> str:
    """Return what is told of the choice."""
    solved = "solved" if is_solved(look) else "trained"
    return (
        f"model: EfficientNet-Lite0, trained on ImageNet, and a linear layer on its features, {solved}: the "
        f"pictures are in colour and large (about {look.side} pixels); drawings or signs may suit cnn better"
    )


def is_solved(look: FolderLook) -> bool:
    """Whether the layer on the features is solved for, which takes seconds to a minute."""
    return look.images * len(look.classes) <= MOST_SOLVED


def photographs(look: FolderLook, of_classes: list[str]) -> Photographs:
    """Return what suits a folder of photographs.

    Parameters
    ----------
    look : FolderLook
    of_classes : list of str
        Lines of the train section that are about classes, for a head that is trained.
    """
    model = [
        f"kind: pretrained  # with pixels: {BACKBONE_SIZE}, normalise: none; cnn: any, normalise: feature",
        "pretrained:",
        "  backbone: efficientnet_lite0  # resnet50 and others are downloaded",
        "  tune: head  # all: every layer is trained, by adamw with lr: 0.0005 or so, which takes minutes",
    ]
    if is_solved(look):
        train = [
            "seed: 1",
            "optimizer: exact  # the layer on the features is solved",
            "weight_decay: auto  # the penalty on its weights is chosen by held-out pictures",
        ]
        decides = look.images * 0.8 * VAL >= ENOUGH_VAL
        return Photographs(model, train, VAL if decides else 0.0)
    train = [
        "seed: 1",
        "epochs: 30  # of the layer on the features; optimizer: exact solves it, in minutes",
        "batch_size: 256",
        "slices: 2  # fixed parts of a batch that threads share",
        "optimizer: adamw",
        "lr: 0.003  # the highest rate",
        "weight_decay: 0.01",
        "schedule: cosine",
        "warmup: 0.05",
        *of_classes,
        "keep: best  # of the epochs, by the validation loss",
    ]
    return Photographs(model, train, VAL)
