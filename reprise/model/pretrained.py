"""``model.kind: pretrained``: a backbone that was trained on ImageNet, and a linear layer on its features."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from reprise.arithmetic.image_layers import ChannelNorm
from reprise.arithmetic.layers import BatchNorm
from reprise.foundation.errors import UserError
from reprise.model.efficientnet_lite import FEATURES, EfficientNetLite0
from reprise.model.folding import fold_norms
from reprise.prepared.schema import Schema
from reprise.settings.params import BACKBONE_SIZE, Backbone, Pretrained


class Facts(NamedTuple):
    """What a backbone gives and takes: pixels less the mean, by the deviation, a value a colour."""

    features: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


LITE_MEAN, LITE_STD = (127.0,) * 3, (128.0,) * 3
# Those of torchvision's models, as published there, times 255.
IMAGENET_MEAN = tuple(255 * value for value in (0.485, 0.456, 0.406))
IMAGENET_STD = tuple(255 * value for value in (0.229, 0.224, 0.225))
FACTS: dict[Backbone, Facts] = {
    "efficientnet_lite0": Facts(FEATURES, LITE_MEAN, LITE_STD),
    "resnet18": Facts(512, IMAGENET_MEAN, IMAGENET_STD),
    "resnet50": Facts(2048, IMAGENET_MEAN, IMAGENET_STD),
    "mobilenet_v3_small": Facts(576, IMAGENET_MEAN, IMAGENET_STD),
    "mobilenet_v3_large": Facts(960, IMAGENET_MEAN, IMAGENET_STD),
    "efficientnet_b0": Facts(1280, IMAGENET_MEAN, IMAGENET_STD),
    "convnext_tiny": Facts(768, IMAGENET_MEAN, IMAGENET_STD),
}


def refuse_unfit_pictures(schema: Schema) -> None:
    """Refuse prepared pictures that aren't the bytes which a backbone takes.

    Raises
    ------
    UserError
        One line for each parameter of prepare that must be another.
    """
    problems = []
    wanted = (3, BACKBONE_SIZE, BACKBONE_SIZE)
    if schema.shape != wanted:
        found, needed = ("x".join(map(str, shape)) for shape in (schema.shape, wanted))
        problems.append(
            f"model.kind: pretrained takes pictures of {needed}, but the data has {found}; with "
            f"prepare.dataset: images set prepare.images.pixels: {BACKBONE_SIZE} and mode: rgb, else use cnn"
        )
    if schema.inputs is not None:
        problems.append(
            "prepare.normalise: model.kind: pretrained normalises by itself, as its weights were trained; "
            "set it to none"
        )
    if problems:
        raise UserError(*problems)


class PretrainedNetwork(nn.Module):
    """Pictures of bytes, shape (rows, 3, size, size), to outputs.

    Attributes
    ----------
    scale : nn.Conv2d
        The normalisation that the backbone was trained with; it is never trained.
    backbone : nn.Module
    head : nn.Linear
        On the backbone's features, from zero.
    """

    def __init__(self, settings: Pretrained, outputs: int) -> None:
        super().__init__()
        facts = FACTS[settings.backbone]
        self.scale = _scale(facts)
        self.backbone = architecture(settings.backbone)
        self.head = nn.Linear(facts.features, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if settings.tune == "head":
            fold(self.backbone)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        made: Tensor = self.head(self.backbone(self.scale(x)))
        return made

    def take(self, settings: Pretrained, weights: dict[str, Tensor]) -> None:
        """Give the backbone its published weights."""
        backbone = architecture(settings.backbone)
        backbone.load_state_dict(weights)
        if settings.tune == "head":
            fold(backbone)
        self.backbone.load_state_dict(backbone.state_dict())

    @property
    def features(self) -> nn.Module:
        """What is in front of the head."""
        return nn.Sequential(self.scale, self.backbone)


def fold(backbone: nn.Module) -> None:
    """Bring a backbone that isn't trained any more into its inference form, in place."""
    backbone.eval()
    fold_norms(backbone)
    for parameter in backbone.parameters():
        parameter.requires_grad_(False)


def architecture(name: Backbone) -> nn.Module:
    """Return a backbone whose weights mean nothing yet."""
    if name == "efficientnet_lite0":
        return EfficientNetLite0()
    from torchvision import models  # takes a second

    made: Any = models.get_model(name, weights=None)
    if name.startswith("resnet"):
        made.fc = nn.Identity()
    elif name == "convnext_tiny":  # its last norm belongs to the features
        made.classifier = made.classifier[:2]
    else:
        made.classifier = nn.Identity()
    return _with_layers_of_ours(made)


def _with_layers_of_ours(module: nn.Module) -> nn.Module:
    """Replace, in place, norms by ours, of the same names and values; no path is dropped at random."""
    for name, layer in list(module.named_modules()):
        if type(layer) is nn.BatchNorm2d:
            module.set_submodule(name, BatchNorm(layer.num_features, layer.eps, layer.momentum))
        elif type(layer).__name__ == "LayerNorm2d":
            module.set_submodule(name, ChannelNorm(layer.normalized_shape, layer.eps))
        elif type(layer).__name__ == "StochasticDepth":
            module.set_submodule(name, nn.Identity())
    return module


def _scale(facts: Facts) -> nn.Conv2d:
    """Return x · (1 / std) - mean / std for each colour.

    A convolution of one pixel: unlike a mean that is taken off before, it can't be mistaken at the border,
    where convolutions add zeros to what is normalised.
    """
    layer = nn.Conv2d(3, 3, 1, groups=3)
    slopes = [1.0 / std for std in facts.std]
    shifts = [-mean / std for mean, std in zip(facts.mean, facts.std, strict=True)]
    layer.weight = nn.Parameter(torch.tensor(slopes).reshape(3, 1, 1, 1), requires_grad=False)
    layer.bias = nn.Parameter(torch.tensor(shifts), requires_grad=False)
    return layer
