"""Decoding many images on all cores: in order, a bounded number at a time, with a bar on a terminal.

Threads share the work, because Pillow lets others run while it unpacks and resizes. For pictures of a
few thousand pixels the part of Python counts too, and beyond about four cores more of them gain little.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from reprise.foundation.parallel import in_order
from reprise.images.decode import PILLOW_MODES, BadImage, Mode, decode, has_more_pages, pixels_of, read
from reprise.images.folder import ImageFile

BLOCK_IMAGES = 64
BLOCK_BYTES = 2**22
AHEAD = 16  # blocks that may wait to be taken: 64 MB at most


class Block(NamedTuple):
    """Consecutive images, without those that could not be used."""

    rows: NDArray[np.int64]  # (images,): places in the list of files
    x: NDArray[np.uint8]  # (images, channels, size, size)
    digests: list[bytes]  # SHA-256 of each file
    problems: list[tuple[int, str]]  # place in the list, and what is wrong
    paged: list[int]  # places of files with several pages, of which the first was taken


def decoded(files: Sequence[ImageFile], size: int, mode: Mode, workers: int) -> Iterator[Block]:
    """Yield all images in the order of the list, whatever the number of workers."""
    bytes_each = size * size * (1 if mode == "grayscale" else 3)
    step = max(1, min(BLOCK_IMAGES, BLOCK_BYTES // bytes_each))
    parts = (range(start, min(start + step, len(files))) for start in range(0, len(files), step))
    with tqdm(total=len(files), unit="image", leave=False, dynamic_ncols=True, disable=None) as bar:
        for block in in_order(lambda rows: _block(files, rows, size, mode), parts, workers, AHEAD):
            bar.update(len(block.rows) + len(block.problems))
            yield block


def _block(files: Sequence[ImageFile], numbers: range, size: int, mode: Mode) -> Block:
    rows: list[int] = []
    digests: list[bytes] = []
    problems: list[tuple[int, str]] = []
    paged: list[int] = []
    # Pillow hands over the pixels of one tall image much faster than those of many small ones.
    column = Image.new(PILLOW_MODES[mode], (size, size * len(numbers)))
    for row in numbers:
        try:
            data = read(files[row].path)
            column.paste(decode(data, size, mode), (0, size * len(rows)))
        except BadImage as problem:
            problems.append((row, str(problem)))
        else:
            rows.append(row)
            digests.append(hashlib.sha256(data).digest())
            if has_more_pages(data):
                paged.append(row)
    x = pixels_of(column, len(numbers))[: len(rows)]
    return Block(np.array(rows, np.int64), x, digests, problems, paged)


def pages_note(count: int, first: str) -> str:
    """Return the line that says of how many files only the first page was taken."""
    others = f" and {count - 1:,} more" if count > 1 else ""
    return f"note: {first}{others}: several pages, of which the first is taken"
