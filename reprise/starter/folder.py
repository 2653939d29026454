"""Looking at a folder of images: how many, how large, in colour or not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from reprise.foundation.errors import UserError
from reprise.images.decode import BadImage, Mode, kind_of, read
from reprise.images.folder import read_folder
from reprise.prepared.schema import SplitName
from reprise.starter.imbalance import Imbalance, imbalance

LOOK_FILES = 200
SIZES = (28, 32, 48, 64, 96, 128, 224)
SMALL, LARGE = 64, 128  # of a cnn and of a resnet18; larger images are slow without a GPU
MANY = 2000  # images from which on a resnet18 is worth its time


class FolderLook(NamedTuple):
    """What was found in a folder."""

    images: int
    classes: tuple[str, ...]
    smallest: int  # images of the rarest class
    imbalance: Imbalance | None
    splits: frozenset[SplitName]  # that the folder makes itself
    empty: tuple[str, ...]
    side: int  # the median of the shorter sides, in pixels
    mode: Mode
    unusable: tuple[str, ...]  # those met among the files looked at
    stray: tuple[str, ...]  # files beside the class folders


def look_at_folder(path: Path) -> FolderLook:
    """List a folder and look at some of its files, spread evenly.

    Raises
    ------
    UserError
        If it holds no classes of images.
    """
    folder = read_folder(path)
    counts = [0] * len(folder.classes)
    for file in folder.files:
        counts[file.label] += 1
    sides: list[int] = []
    unusable: list[str] = []
    gray = True
    for file in folder.files[:: -(-len(folder.files) // LOOK_FILES)]:
        try:
            data = read(file.path)
            kind = kind_of(data)
            if kind is None:
                raise BadImage
            with Image.open(io.BytesIO(data), formats=(kind,)) as image:
                sides.append(min(image.size))
                gray &= image.mode in ("1", "L", "LA") or image.mode.startswith("I")
        except Exception:  # whatever a damaged file makes Pillow raise: prepare will name it
            unusable.append(file.name)
    if not sides:
        raise UserError(
            f"{path}: none of the {len(unusable)} images looked at can be read, first {unusable[0]}"
        )
    return FolderLook(
        images=len(folder.files),
        classes=folder.classes,
        smallest=min(counts),
        imbalance=imbalance(folder.classes, counts),
        splits=frozenset(folder.splits),
        empty=folder.empty,
        side=sorted(sides)[len(sides) // 2],
        mode="grayscale" if gray else "rgb",
        unusable=tuple(unusable),
        stray=folder.stray,
    )


def uses_resnet(look: FolderLook) -> bool:
    """Tell whether there are enough large images for a deep network."""
    return look.images >= MANY and look.side > SMALL


def chosen_size(look: FolderLook) -> int:
    """Return a size in pixels: what the images have, up to what the model computes in reasonable time."""
    most = LARGE if uses_resnet(look) else SMALL
    return max([size for size in SIZES if size <= min(look.side, most)], default=max(4, look.side))
