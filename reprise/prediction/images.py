"""New images: one file, a folder of files, or JSON objects, become what the model takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from reprise.foundation.errors import UserError, nearest
from reprise.foundation.parallel import in_order
from reprise.images.decode import BadImage, Pixels, decode, has_more_pages, pixels_of, read, size_and_mode
from reprise.images.folder import ENDINGS, shown
from reprise.images.reading import pages_note
from reprise.prediction.blocks import Block, Corrupt, Skipped
from reprise.prepared.schema import Schema

AT_ONCE = 64  # images of a block
LEVELS = {"digits": 16}  # datasets whose brightest pixel is not 255


class ImageReader:
    """Reads image files for a model.

    Parameters
    ----------
    schema : Schema
    corrupt : {"skip", "refuse"}
        What a file that can't be read does: its row is skipped, or nothing is predicted.
    """

    def __init__(self, schema: Schema, corrupt: Corrupt) -> None:
        self.schema, self.corrupt = schema, corrupt
        self._paged: list[str] = []

    def row(self, name: Any, path: Path) -> tuple[Any, Pixels]:
        """Return a row's id and pixels, shape schema.shape, in the value range of the model's data.

        Raises
        ------
        UserError
            If the file can't be read and is not to be skipped.
        """
        channels, height, width = self.schema.shape
        if channels not in (1, 3) or height != width:  # rows of one's own may be of any shape
            shape = "x".join(map(str, self.schema.shape))
            raise UserError(
                f"{path}: the model takes {shape}, which no image file is read as; "
                "give JSON lines with 'pixels'"
            )
        size, mode = size_and_mode(self.schema.shape)
        try:
            data = read(path)
            pixels: Pixels = pixels_of(decode(data, size, mode), 1)[0]
        except BadImage as problem:
            if self.corrupt == "refuse":
                raise UserError(f"{path}: {problem}") from None
            return Skipped(name, str(problem)), np.zeros(self.schema.shape, np.uint8)
        if has_more_pages(data):
            self._paged.append(str(name))
        return name, in_range(pixels, self.schema)

    def tell(self) -> None:
        """Say on standard error of which files only the first page was taken."""
        if self._paged:
            print(pages_note(len(self._paged), min(self._paged)), file=sys.stderr)


def file_blocks(path: Path, schema: Schema, workers: int, corrupt: Corrupt) -> Iterator[Block]:
    """Yield the images of a file or a folder, in the order of their names; an id is a path in the folder.

    Raises
    ------
    UserError
        If a file is not an image and not to be skipped, or a folder holds none.
    """
    if path.is_dir():
        files = sorted(
            (shown(file.relative_to(path).as_posix()), file)
            for file in path.rglob("*")
            if file.suffix.lower()[1:] in ENDINGS and not file.name.startswith(".")
        )
        if not files:
            raise UserError(f"{path}: no images in this folder; images end with {', '.join(sorted(ENDINGS))}")
    else:
        files, corrupt = [(shown(path.name), path)], "refuse"
    reader = ImageReader(schema, corrupt)
    decoded = in_order(lambda file: reader.row(*file), files, workers)
    while part := list(islice(decoded, AT_ONCE)):
        yield Block([name for name, _ in part], np.stack([pixels for _, pixels in part]))
    reader.tell()


def object_blocks(
    parts: Iterable[Sequence[tuple[int, Mapping[str, Any]]]], schema: Schema, where: str, corrupt: Corrupt
) -> Iterator[Block]:
    """Yield images that come as objects: a ``path``, or ``pixels`` as lists in the model's shape.

    Raises
    ------
    UserError
        Names the line of an object with neither, or with other pixels than the model takes.
    """
    start, reader = 0, ImageReader(schema, corrupt)
    for part in parts:
        rows = [
            _of_object(row.get("id", row.get("path", start + n)), row, reader, f"{where}: line {line}")
            for n, (line, row) in enumerate(part)
        ]
        yield Block([name for name, _ in rows], np.stack([pixels for _, pixels in rows]))
        start += len(part)
    reader.tell()


def in_range(pixels: Pixels, schema: Schema) -> Pixels:
    """Return pixels from 0 to 255 in the value range of the model's data."""
    levels = LEVELS.get(schema.dataset)
    if levels is None:
        return pixels
    scaled: Pixels = ((pixels.astype(np.uint16) * levels * 2 + 255) // 510).astype(np.uint8)  # rounded
    return scaled


def _of_object(name: Any, row: Mapping[str, Any], reader: ImageReader, where: str) -> tuple[Any, Pixels]:
    path, schema = row.get("path"), reader.schema
    if isinstance(path, str) and "\0" not in path:
        return reader.row(name, Path(path))
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
    return name, pixels.astype(np.uint8)
