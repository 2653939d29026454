"""EfficientNet-Lite0 (Tan and Le, 2019; the Lite form of 2020 without squeeze-and-excitation, with ReLU6)."""

from __future__ import annotations

import re

from torch import Tensor, nn

from reprise.arithmetic.image_layers import SameConv2d
from reprise.arithmetic.layers import BatchNorm

EPSILON = 1e-3  # of the batch norms, as trained
STEM, FEATURES = 32, 1280
# Blocks of a stage, kernel, stride of the first, expansion, channels that come out.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The published file's names and ours; its last layer, of ImageNet's classes, is left out.
RENAMED = (
    (r"_blocks\.(\d+)\._expand_conv\.", r"blocks.\1.expand.0."),
    (r"_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.1."),
    (r"_blocks\.(\d+)\._depthwise_conv\.", r"blocks.\1.depthwise.0."),
    (r"_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.1."),
    (r"_blocks\.(\d+)\._project_conv\.", r"blocks.\1.project.0."),
    (r"_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.1."),
    (r"_conv_stem\.", "stem.0."),
    (r"_bn0\.", "stem.1."),
    (r"_conv_head\.", "last.0."),
    (r"_bn1\.", "last.1."),
)


class EfficientNetLite0(nn.Module):
    """Pictures, shape (rows, 3, 224, 224) in (x - 127) / 128, to features, shape (rows, 1280)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM, 3, 2)
        blocks: list[nn.Module] = []
        channels = STEM
        for count, kernel, stride, expansion, out in STAGES:
            for number in range(count):
                blocks.append(Block(channels, out, kernel, stride if number == 0 else 1, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.last = _convolution(channels, FEATURES, 1, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        pooled: Tensor = self.pool(self.last(self.blocks(self.stem(x))))
        return pooled.flatten(1)


class Block(nn.Module):
    """An inverted residual: more channels, a depthwise convolution, fewer channels without activation."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        self.expand = _convolution(channels, wide, 1, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(wide, wide, kernel, stride, groups=wide)
        self.project = _convolution(wide, out, 1, 1, active=False)
        self.adds = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """Return images of the same or half the size."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return y + x if self.adds else y


def _convolution(
    channels: int, out: int, kernel: int, stride: int, groups: int = 1, *, active: bool = True
) -> nn.Sequential:
    if stride == 1:
        convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, groups=groups, bias=False)
    else:
        convolution = SameConv2d(channels, out, kernel, stride, groups=groups, bias=False)
    layers: list[nn.Module] = [convolution, BatchNorm(out, eps=EPSILON)]
    return nn.Sequential(*layers, nn.ReLU6()) if active else nn.Sequential(*layers)


def our_name(published: str) -> str | None:
    """Return what a tensor of the published file is called here; None for those that aren't used."""
    for pattern, ours in RENAMED:
        if re.match(pattern, published):
            return re.sub(pattern, ours, published)
    return None
