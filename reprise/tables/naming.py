"""What a person finds a table's rows by: the file, the line or row in it, and the cell of the id column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from reprise.prepared.names import Names, Naming, RowNames
from reprise.tables.ingest import Ingested
from reprise.tables.sources import Source


def naming_of(table: Ingested, sources: Sequence[Source]) -> Naming:
    """Return what the names are made of."""
    units = tuple(dialect.unit for dialect in table.dialects)
    text: Literal["id"] | None = None if table.roles.id is None else "id"
    return Naming(tuple(source.file.name for source in sources), units, text)


def names_of(table: Ingested, columns: Sequence[Any], file: int) -> Names:
    """Return the names of a portion of rows.

    Parameters
    ----------
    table : Ingested
    columns : sequence
        The spill's columns of these rows (see `Spill.blocks`).
    file : int
        The place of their source.
    """
    lines = columns[len(table.types) + 1]
    return Names(
        np.full(len(lines), file) if len(table.rows) > 1 else None,
        lines,
        None if table.roles.id is None else columns[len(table.types) + 2],
    )


def teller(table: Ingested, sources: Sequence[Source], *, paths: bool = False) -> Callable[[int], str]:
    """Return a function that tells what the row with an id is called.

    Parameters
    ----------
    table : Ingested
    sources : sequence of Source
    paths : bool
        Whether a file goes by its path, as in errors; else by its name, if there are several.
    """
    naming, ids = naming_of(table, sources), table.ids()
    if paths:
        naming = naming._replace(files=tuple(str(source.file.path) for source in sources))
    files = np.repeat(np.arange(len(table.rows)), table.rows) if paths or len(table.rows) > 1 else None
    texts = None if naming.text is None else table.spill.packed(len(table.types) + 2)
    names = RowNames(ids, naming, Names(files, table.lines(), texts))
    return lambda row: names.told(int(np.searchsorted(ids, row)))
