"""New images: one file, a folder of files, or JSON objects, become what the model takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from reprise.foundation.errors import UserError, nearest
from reprise.foundation.parallel import in_order
from reprise.images.decode import Pixels, load_image, size_and_mode
from reprise.images.folder import ENDINGS
from reprise.prediction.blocks import Block
from reprise.prepared.schema import Schema

AT_ONCE = 64  # images of a block
LEVELS = {"digits": 16}  # datasets whose brightest pixel is not 255


def file_blocks(path: Path, schema: Schema, workers: int) -> Iterator[Block]:
    """Yield the images of a file or a folder, in the order of their names; an id is a path in the folder.

    Raises
    ------
    UserError
        If a file is not an image, or a folder holds none.
    """
    if path.is_dir():
        files = sorted(
            (file.relative_to(path).as_posix(), file)
            for file in path.rglob("*")
            if file.suffix.lower()[1:] in ENDINGS and not file.name.startswith(".")
        )
        if not files:
            raise UserError(f"{path}: no images in this folder; images end with {', '.join(sorted(ENDINGS))}")
    else:
        files = [(path.name, path)]
    decoded = in_order(lambda file: decode(file[1], schema), files, workers)
    names = (name for name, _ in files)
    while part := list(islice(zip(names, decoded, strict=True), AT_ONCE)):
        yield Block([name for name, _ in part], np.stack([pixels for _, pixels in part]))


def object_blocks(
    parts: Iterable[Sequence[tuple[int, Mapping[str, Any]]]], schema: Schema, where: str
) -> Iterator[Block]:
    """Yield images that come as objects: a ``path``, or ``pixels`` as lists in the model's shape.

    Raises
    ------
    UserError
        Names the line of an object with neither, or with other pixels than the model takes.
    """
    start = 0
    for part in parts:
        images = [_of_object(row, schema, f"{where}: line {line}") for line, row in part]
        ids = [row.get("id", row.get("path", start + n)) for n, (_, row) in enumerate(part)]
        yield Block(ids, np.stack(images))
        start += len(part)


def decode(path: Path, schema: Schema) -> Pixels:
    """Return the image in a file, shape schema.shape, in the value range of the model's data."""
    channels, height, width = schema.shape
    if channels not in (1, 3) or height != width:  # rows of one's own may be of any shape
        shape = "x".join(map(str, schema.shape))
        raise UserError(
            f"{path}: the model takes {shape}, which no image file is read as; give JSON lines with 'pixels'"
        )
    size, mode = size_and_mode(schema.shape)
    pixels = load_image(path, size=size, mode=mode)
    levels = LEVELS.get(schema.dataset)
    if levels is None:
        return pixels
    scaled: Pixels = ((pixels.astype(np.uint16) * levels * 2 + 255) // 510).astype(np.uint8)  # rounded
    return scaled


def _of_object(row: Mapping[str, Any], schema: Schema, where: str) -> Pixels:
    path = row.get("path")
    if isinstance(path, str) and "\0" not in path:
        return decode(Path(path), schema)
    if "pixels" not in row:
        close = [
            f"did you mean {key!r} by {name!r}?" for name in row if (key := nearest(name, ("path", "pixels")))
        ]
        raise UserError(f"{where}: needs 'path' or 'pixels'; {' '.join(close) or 'found neither'}")
    shape = "x".join(map(str, schema.shape))
    try:
        pixels = np.array(row["pixels"])
    except ValueError:
        raise UserError(f"{where}: pixels: lists of different lengths; must be {shape}") from None
    if pixels.shape == schema.shape[1:] and schema.shape[0] == 1:
        pixels = pixels[None]
    if pixels.shape != schema.shape:
        raise UserError(
            f"{where}: pixels: must be {shape}; found {'x'.join(map(str, pixels.shape)) or 'no list'}"
        )
    if pixels.dtype.kind != "i" or pixels.min() < 0 or pixels.max() > 255:
        raise UserError(f"{where}: pixels: must be whole numbers from 0 to 255")
    return pixels.astype(np.uint8)
