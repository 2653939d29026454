"""New rows of a table: files, or objects by column name, become what the model takes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.prediction.blocks import Block, Place
from reprise.prediction.places import Places
from reprise.prepared.schema import Schema, Statistics
from reprise.tables.codes import Code, Features, Number, Unused
from reprise.tables.compressed import opened
from reprise.tables.dialect import NATIVE, Dialect
from reprise.tables.encoder import Encoder, Matching
from reprise.tables.files import TableFile
from reprise.tables.formats import format_of
from reprise.tables.names import clean
from reprise.tables.native import ALLOWED, numbers_column, texts_column
from reprise.tables.objects import Object, objects
from reprise.tables.parse import Cells, Column
from reprise.tables.rows import Chunk, open_table


def encoder_of(schema: Schema) -> Encoder:
    """Return what turns raw columns into features.

    A built-in dataset has numeric columns only, standardised with the schema's statistics.
    """
    if schema.encoder is not None:
        return Encoder.from_json(schema.encoder)
    inputs = schema.inputs or Statistics(mean=(0.0,), std=(1.0,))
    count = len(schema.columns)
    means, stds = (values * count if len(values) == 1 else values for values in (inputs.mean, inputs.std))
    columns: list[Code] = [
        Number(kind="numeric", name=name, fill=mean, missing=False, mean=mean, std=std)
        for name, mean, std in zip(schema.columns, means, stds, strict=True)
    ]
    return Encoder(
        header=True,
        order=(*schema.columns, schema.target),
        target=schema.target,
        id=None,
        group=None,
        dropped=(),
        columns=tuple(columns),
    )


def file_blocks(
    files: Sequence[TableFile], places: Places, schema: Schema, sheet: str | None
) -> Iterator[Block]:
    """Yield the rows of tables, one file after the other, read piece by piece.

    A row's id is its cell in the id column of the training data, else its number from 0, through all files.

    Parameters
    ----------
    files : sequence of TableFile
    places : Places
        Of these files.
    schema : Schema
    sheet : str, optional
        Of an Excel workbook.

    Raises
    ------
    UserError
        Names missing columns, or the line and column of cells that don't fit.
    """
    encoder = encoder_of(schema)
    start = 0
    for file in files:
        path = file.path
        kind, compression = format_of(path, str(path))
        if kind == "json":
            with opened(path, compression, str(path)) as lines:
                parts = objects(lines, str(path))
                for block in object_blocks(parts, schema, str(path), start, partial(places.of, file)):
                    yield block
                    start += len(block.ids)
            continue
        with open_table(path, encoder.settings()._replace(sheet=sheet), whole=True) as table:
            matching = encoder.match(table.names, table.where)
            _tell(matching)
            id_column = _id_column(encoder, table.names)
            for chunk in table.chunks():
                x = _features(encoder, encoder.read(chunk, matching), chunk.lines, table.where, table.dialect)
                yield Block(_ids(chunk, id_column, start), x, places.of(file, chunk.lines))
                start += len(chunk)


def object_blocks(
    parts: Iterable[Sequence[tuple[int, Object]]],
    schema: Schema,
    where: str,
    start: int = 0,
    places_of: Callable[[NDArray[np.int64]], Sequence[Place]] | None = None,
) -> Iterator[Block]:
    """Yield rows that come as objects by column name.

    A row's id is the value of the id column of the training data, or of ``id``, else its number. A key may
    be left out where the training data had missing values.

    Parameters
    ----------
    parts : iterable of sequence of (line number, object)
    schema : Schema
    where : str
        Their source, for messages.
    start : int
        The first row's number.
    places_of : function, optional
        Returns the places of rows by their line numbers; by default they have none.

    Raises
    ------
    UserError
        As `file_blocks`; a value must be a text, a number, true, false or null.
    """
    encoder = encoder_of(schema)
    id_key = encoder.id or "id"
    has_ids = id_key not in {code.name for code in encoder.columns if code.features}
    matcher = _Matcher(encoder, id_key if has_ids else None, where)
    for part in parts:
        lines = np.array([line for line, _ in part], np.int64)
        rows = [matcher.features(line, row) for line, row in part]
        columns = {
            code.name: _column(code, [row[code.name] for row in rows])
            for code in encoder.columns
            if code.features
        }
        numbers = range(start, start + len(part))
        ids = [
            row[id_key] if has_ids and id_key in row else number
            for (_, row), number in zip(part, numbers, strict=True)
        ]
        x = _features(encoder, columns, lines, where, NATIVE._replace(unit="line"))
        yield Block(ids, x, places_of(lines) if places_of else ())
        start += len(part)


class _Matcher:
    """Finds the columns of objects; each set of keys is looked at once."""

    def __init__(self, encoder: Encoder, id_key: str | None, where: str) -> None:
        self._encoder, self._id_key, self._where = encoder, id_key, where
        self._place = {name: place for place, name in enumerate(encoder.order)}
        self._dispensable = {
            code.name for code in encoder.columns if not isinstance(code, Unused) and code.missing
        }
        # keys → name in training: key, or None where there is none
        self._known: dict[tuple[str, ...], dict[str, str | None]] = {}

    def features(self, line: int, row: Object) -> Object:
        """Return the values that features are made of, by their columns' names in training."""
        keys = tuple(row)
        if keys not in self._known:
            key_of: dict[str, str | None] = dict.fromkeys(self._dispensable) if self._encoder.header else {}
            key_of |= {clean(key): key for key in keys if key != self._id_key}
            # The order of an object's keys means nothing: nothing is to be said of it.
            names = sorted(key_of, key=lambda name: self._place.get(name, len(self._place)))
            matching = self._encoder.match(names, f"{self._where}: line {line}")
            _tell(matching)
            self._known[keys] = {name: key_of[source] for name, source in matching.source.items()}
        found = {name: None if key is None else row[key] for name, key in self._known[keys].items()}
        for name, value in found.items():
            if isinstance(value, list | dict):
                raise UserError(
                    f"{self._where}: line {line}: column {name!r}: must be {ALLOWED}; "
                    f"found {'a list' if isinstance(value, list) else 'an object'}"
                )
        return found


def _column(code: Code, values: Sequence[Any]) -> Column:
    return numbers_column(values) if code.kind == "numeric" else texts_column(values)


def _features(
    encoder: Encoder, columns: Mapping[str, Column], lines: NDArray[np.int64], where: str, dialect: Dialect
) -> Features:
    features, problems = encoder.transform(columns, lines, dialect)
    if problems:
        raise UserError(*(f"{where}: {problem}" for problem in problems))
    return features


def _tell(matching: Matching) -> None:
    """Refuse rows without the columns that the model needs; say what is done about others."""
    if matching.problems:
        raise UserError(*matching.problems)
    for note in matching.notes:
        print(f"note: {note}", file=sys.stderr)


def _id_column(encoder: Encoder, names: Sequence[str]) -> str | None:
    """Return the file's name of the column that names a row, if it is there."""
    if encoder.id is None:
        return None
    if encoder.header:
        return encoder.id if encoder.id in names else None
    order = [name for name in encoder.order if len(names) == len(encoder.order) or name != encoder.target]
    return names[order.index(encoder.id)]


def _ids(chunk: Chunk, column: str | None, start: int) -> list[Any]:
    if column is None:
        return list(range(start, start + len(chunk)))
    found = chunk.read(text=[column])[column]
    assert isinstance(found, Cells)  # what is read as text comes as cells
    texts = (*found.texts, "")  # the code -1, a missing id, takes the last one
    return [texts[code] for code in found.codes.tolist()]
