"""``reprise import-table``: the rows of a database query as a Parquet file below data/raw."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from reprise.commands.output import add_quiet
from reprise.foundation.errors import UserError

EXAMPLES = """
reprise import-table postgresql://me@host/shop --query 'SELECT * FROM orders' --order-by id \\
  --output data/raw/orders.parquet
"""
ENDING = ".parquet"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    # One word, but told here: argparse would print words too many, and with them a password.
    parser.add_argument(
        "url", metavar="URL", nargs="+",
        help="dialect://user@host/database, as SQLAlchemy takes it; a password is better kept out of it "
        "(PGPASSWORD or ~/.pgpass for PostgreSQL)",
    )  # fmt: skip
    parser.add_argument("--query", metavar="SQL", required=True, help="one SELECT, in quotes")
    parser.add_argument(
        "--order-by", metavar="COLUMN", action="append", required=True,
        help="a column whose values differ in all rows; several times for several columns",
    )  # fmt: skip
    parser.add_argument("--output", metavar="FILE", type=Path, required=True, help="data/raw/NAME.parquet")
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Fetch the rows, write them in the order of their keys and say what comes next.

    Raises
    ------
    UserError
        If the database or the query can't be used, or the keys define no order; nothing is written.
    """
    if len(arguments.url) > 1:
        raise UserError("reprise import-table: more than one URL; put the query in quotes")
    path: Path = arguments.output
    if path.suffix != ENDING:
        raise UserError(f"--output: {path}: must end in {ENDING}")
    if path.is_dir():
        raise UserError(f"--output: {path}: is a folder")
    from reprise.database.query import query_table  # SQLAlchemy and pyarrow take a second
    from reprise.database.snapshot import in_order, write_snapshot
    from reprise.foundation.room import require_disk

    require_disk(path.parent)
    table = in_order(query_table(arguments.url[0], arguments.query), arguments.order_by)
    write_snapshot(table, path)
    if arguments.quiet:
        return
    file = shlex.quote(path.as_posix())
    print(f"{path}: {table.num_rows:,} rows, {table.num_columns} columns")
    print(f"next: dvc add {file}   # keeps this version of the data")
    print(f"      reprise init-data {file}")
