"""The cells of the column that names the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprise.prepared.packed import PackedTexts
from reprise.tables.parse import Cells, Column, texts_of
from reprise.tables.rows import Chunk


def id_cells(name: str | None, chunk: Chunk, columns: Mapping[str, Column]) -> Iterator[PackedTexts]:
    """Yield the cells of the id column, if there is one, as they are written.

    Parameters
    ----------
    name : str or None
    chunk : Chunk
    columns : mapping
        What was read of the chunk; without the id column if its file, a separate test table, has none.
    """
    if name is None:
        return
    column = columns.get(name)
    if column is None:
        yield PackedTexts.of([""] * len(chunk))
        return
    if not isinstance(column, Cells):  # it also orders the rows, and was read as numbers
        column = chunk.read(text=[name])[name]
    yield PackedTexts.of(texts_of(column))
