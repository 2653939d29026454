"""An Arrow table in a defined order as a Parquet file with defined bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reprise.foundation.errors import UserError, nearest
from reprise.foundation.files import replacing

ROWS_OF_A_GROUP = 2**17


def in_order(table: Any, keys: Sequence[str]) -> Any:
    """Return the rows in the order of their keys: numbers and times by value, texts by code points.

    A database's own order of texts depends on its settings, so it is not used.

    Raises
    ------
    UserError
        If a key is no column, has a row without a value, or does not tell the rows apart.
    """
    for key in keys:
        if key not in table.column_names:
            close = nearest(key, table.column_names)
            hint = f"did you mean {close!r}? " if close else ""
            known = ", ".join(table.column_names[:20])
            raise UserError(
                f"--order-by: no column {key!r} in the query's rows; {hint}The columns are {known}"
            )
        values = table.column(key)
        absent = pc.sum(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))).as_py()
        if absent:
            raise UserError(f"--order-by: column {key!r} has no value in {absent:,} row(s); name another key")
    ordered = table.take(pc.sort_indices(table, sort_keys=[(key, "ascending") for key in keys]))
    _refuse_equal_keys(ordered, keys)
    return ordered


def _refuse_equal_keys(ordered: Any, keys: Sequence[str]) -> None:
    if ordered.num_rows < 2:
        return
    same = None
    for key in keys:
        values = ordered.column(key).combine_chunks()
        equal = pc.equal(values[1:], values[:-1])
        same = equal if same is None else pc.and_(same, equal)
    count = pc.sum(same).as_py()
    if count:
        row = pc.index(same, True).as_py()
        found = ", ".join(repr(str(ordered.column(key)[row].as_py())) for key in keys)
        raise UserError(
            f"--order-by: {', '.join(keys)} does not tell the rows apart: {count:,} row(s) repeat a key, "
            f"such as {found}; add a column (--order-by A --order-by B) until each row has its own"
        )


def write_snapshot(table: Any, path: Path) -> None:
    """Write a Parquet file whose bytes follow from the rows and the version of pyarrow alone."""
    with replacing(path) as stream:
        pq.write_table(
            table,
            stream,
            row_group_size=ROWS_OF_A_GROUP,
            version="2.6",
            data_page_version="1.0",
            compression="zstd",
            compression_level=3,
            store_schema=False,  # no description of Arrow's types, which other versions may write otherwise
        )
