"""New rows for ``prepare.dataset: own``: encode() of own/data.py makes of them what the network takes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from numpy.typing import NDArray

from reprise.data.normalise import apply
from reprise.own.code import Code, load
from reprise.own.errors import telling
from reprise.own.inputs import PLACE, checked_inputs, refuse
from reprise.prediction.blocks import Block
from reprise.prepared.schema import Schema
from reprise.tables.compressed import opened
from reprise.tables.dialect import Settings
from reprise.tables.files import table_files
from reprise.tables.formats import format_of
from reprise.tables.objects import Object, objects
from reprise.tables.parse import texts_of
from reprise.tables.rows import open_table

SIGNATURE = "encode(rows, settings)"


class Encoding:
    """Calls encode() of the code that a model file carries.

    Parameters
    ----------
    schema : Schema
        With `own`.
    code : Code
    """

    def __init__(self, schema: Schema, code: Code) -> None:
        assert schema.own is not None
        self._schema, self._settings = schema, schema.own.settings
        self._function = load(code, "data", SIGNATURE).encode

    def __call__(self, rows: Sequence[Object]) -> NDArray[Any]:
        """Return rows as prepared data is stored, shape (rows, *schema.shape).

        Raises
        ------
        UserError
            If the code fails, or its rows are not of the kind that the network was trained on.
        """
        with telling(PLACE):
            made = self._function(list(rows), deepcopy(self._settings))
        x, schema = checked_inputs(made, "encode"), self._schema
        if schema.layout == "table":
            x = x.reshape(len(x), -1)  # images that were flattened
        if x.shape != (len(rows), *schema.shape):
            wanted = (len(rows), *schema.shape)
            refuse("encode", f"must return {wanted} for {len(rows)} rows; found {x.shape}")
        return x if schema.layout == "images" else apply(x, schema.inputs)


def own_blocks(source: str, schema: Schema, code: Code, sheet: str | None) -> Iterator[Block]:
    """Yield the rows of tables, or of JSON lines on standard input (``-``), piece by piece.

    A row is handed to encode() as a dict: of a table its cells as texts, of JSON lines the object. Its id
    is what it has under ``id``, else its number from 0.

    Raises
    ------
    UserError
        If a file can't be read, or the code fails.
    """
    encoding = Encoding(schema, code)
    start = 0
    for rows in _rows(source, sheet):
        ids = [row.get("id", number) for number, row in enumerate(rows, start)]
        yield Block(ids, encoding(rows))
        start += len(rows)


def _rows(source: str, sheet: str | None) -> Iterator[Sequence[Object]]:
    if source == "-":
        yield from _objects(sys.stdin.buffer, "standard input")
        return
    for file in table_files(source):
        kind, compression = format_of(file.path, str(file.path))
        if kind == "json":
            with opened(file.path, compression, str(file.path)) as lines:
                yield from _objects(lines, str(file.path))
            continue
        with open_table(file.path, Settings(sheet=sheet), whole=True) as table:
            for chunk in table.chunks():
                columns = chunk.read(text=table.names)
                cells = zip(*(texts_of(columns[name]) for name in table.names), strict=True)
                yield [dict(zip(table.names, row, strict=True)) for row in cells]


def _objects(lines: Iterable[bytes], where: str) -> Iterator[Sequence[Object]]:
    for part in objects(lines, where):
        yield [row for _, row in part]
