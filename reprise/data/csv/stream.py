"""New rows for a model: any CSV file or stream as features, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reprise.data.csv.codes import Features
from reprise.data.csv.encoder import Encoder, Matching
from reprise.data.csv.rows import BLOCK_BYTES, Chunk, Table, open_table
from reprise.errors import UserError


@dataclass(frozen=True)
class NewRows:
    """A table that is open for one pass, with its columns found.

    Attributes
    ----------
    table : Table
        Its names and dialect.
    matching : Matching
        Its `notes` are for the user: columns that are not used, or stand in another order.
    """

    encoder: Encoder
    table: Table
    matching: Matching

    def __iter__(self) -> Iterator[tuple[Chunk, Features, list[str]]]:
        """Yield the rows as chunks, their features (rows, features), and problems with their cells.

        Other columns of the same rows come from ``chunk.read(text=[name])``.
        """
        for chunk in self.table.chunks():
            columns = self.encoder.read(chunk, self.matching)
            features, problems = self.encoder.transform(columns, chunk.lines, chunk.dialect.decimal)
            yield chunk, features, [f"{self.table.where}: {problem}" for problem in problems]


@contextmanager
def open_rows(
    source: Path | BinaryIO, encoder: Encoder, *, where: str | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[NewRows]:
    """Open a CSV file, or a binary stream such as standard input, for a model.

    Parameters
    ----------
    source : Path or binary file
    encoder : Encoder
        Of the model's schema.
    where : str, optional
        The source's name in messages; the path by default.
    block_bytes : int
        Bytes read at a time; the rows of a chunk depend on it, nothing else.

    Raises
    ------
    UserError
        If this is not a table, or a column that the model needs is missing.
    """
    with open_table(source, encoder.settings(), where=where, block_bytes=block_bytes) as table:
        matching = encoder.match(table.names, table.where)
        if matching.problems:
            raise UserError(*matching.problems)
        yield NewRows(encoder, table, matching)
