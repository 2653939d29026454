"""Rows on their way to the model: blocks as they were read, and batches of a fixed size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Corrupt = Literal["skip", "refuse"]
Place = tuple[str | int | None, ...]  # where a row of a table stands (see `places.Places`)


class Skipped(NamedTuple):
    """Stands among the ids for a row whose input can't be read: it holds zeros and gets no prediction."""

    id: Any
    why: str


class Block(NamedTuple):
    """Consecutive rows."""

    ids: list[Any]  # texts, numbers or `Skipped`
    x: NDArray[Any]  # (rows, *shape): as prepared data is stored
    places: Sequence[Place] = ()  # one for each row, or none at all

    def part(self, start: int, stop: int | None = None) -> Block:
        """Return the rows from `start` to before `stop`."""
        return Block(self.ids[start:stop], self.x[start:stop], self.places[start:stop])


def batches(blocks: Iterable[Block], size: int) -> Iterator[Block]:
    """Yield the same rows `size` at a time; the last batch may be smaller.

    A batch's size has a say in the last bits of its outputs, the size of what was read must not.
    """
    parts: list[Block] = []
    held = 0
    for block in blocks:
        start = 0
        while held + len(block.x) - start >= size:
            stop = start + size - held
            parts.append(block.part(start, stop))
            yield _joined(parts)
            parts, held, start = [], 0, stop
        if start < len(block.x):
            parts.append(block.part(start))
            held += len(block.x) - start
    if parts:
        yield _joined(parts)


def _joined(parts: list[Block]) -> Block:
    if len(parts) == 1:
        return parts[0]
    return Block(
        [name for part in parts for name in part.ids],
        np.concatenate([part.x for part in parts]),
        [place for part in parts for place in part.places],
    )
