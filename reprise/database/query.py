"""Running a query and taking its rows; no password ever reaches a message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from reprise.database.address import address_of, scrubbed, secrets_of
from reprise.database.columns import column
from reprise.foundation.errors import RepriseError, UserError

ROWS_AT_ONCE = 10_000


def query_table(url: str, query: str) -> Any:
    """Return the rows of a query as an Arrow table; nothing in the database is changed.

    Parameters
    ----------
    url : str
        As SQLAlchemy takes it: ``dialect[+driver]://user:password@host/database``.
    query : str
        In the words of the database; one SELECT.

    Raises
    ------
    UserError
        If the database can't be reached, refuses the query or returns what is no table.
    """
    address = address_of(url, "URL")
    secrets = secrets_of(address)
    try:
        engine = create_engine(address)
        try:
            with engine.connect() as connection:
                return _table(connection, query)
        finally:
            engine.dispose()
    except RepriseError:
        raise
    except (ImportError, NoSuchModuleError) as error:
        raise UserError(
            f"URL: no driver for {address.drivername} ({scrubbed(error, secrets)}); install one, such as "
            "psycopg[binary] for PostgreSQL, or PyMySQL"
        ) from None
    except Exception as error:  # drivers raise what they like, and a traceback might show the password
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise UserError(f"{address.get_backend_name()}: {scrubbed(cause, secrets)}") from None


def _table(connection: Connection, query: str) -> Any:
    # The database refuses what would change it, should the query be something else than a SELECT.
    connection = connection.execution_options(
        postgresql_readonly=True, no_parameters=True, stream_results=True, max_row_buffer=ROWS_AT_ONCE
    )
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    result = connection.exec_driver_sql(query)
    if not result.returns_rows:
        raise UserError("--query: returns no rows; give a SELECT")
    names = list(result.keys())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            *(f"--query: several columns are named {name!r}; name them apart with AS" for name in twice)
        )
    parts: Iterator[Any] = result.partitions(ROWS_AT_ONCE)
    batches = [
        [column(name, values) for name, values in zip(names, zip(*part, strict=True), strict=True)]
        for part in parts
    ]
    if not batches:
        raise UserError("--query: returns no rows")
    return pa.table(
        {name: _joined(name, arrays) for name, arrays in zip(names, zip(*batches, strict=True), strict=True)}
    )


def _joined(name: str, arrays: tuple[Any, ...]) -> Any:
    """Return a column's parts as one; where their types differ it is made anew from all values."""
    types = {array.type for array in arrays if not pa.types.is_null(array.type)}
    if len(types) > 1:
        return column(name, [value for array in arrays for value in array.to_pylist()])
    kind = types.pop() if types else pa.null()
    return pa.chunked_array([array.cast(kind) for array in arrays], kind)
