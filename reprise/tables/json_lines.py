"""Reading JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from reprise.foundation.errors import UserError
from reprise.tables.dialect import HEAD_RECORDS, NATIVE
from reprise.tables.names import column_names
from reprise.tables.native import RecordsChunk
from reprise.tables.objects import Object, objects


class JsonLinesTable:
    """A file of JSON lines that is open for one pass (see `reprise.tables.rows.Table`).

    The columns are the keys of all objects in the order in which they appear: the file is read once to
    collect them. A key that an object has not is a missing value.
    """

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self.where, self.dialect = where, NATIVE._replace(unit="line")
        self._stream = stream
        keys: dict[str, None] = {}
        self._first: list[tuple[int, Object]] = []
        for part in objects(stream, where):
            self._first = self._first or part
            for _, row in part:
                keys.update(dict.fromkeys(row))
        if not keys:
            raise UserError(f'{where}: empty; each line is an object such as {{"column": 1.5}}')
        self.names = column_names(list(keys), header=True)
        self._keys = tuple(keys)

    def sample(self) -> RecordsChunk:
        """Return the first rows; they come again from `chunks`."""
        return self._chunk(self._first[:HEAD_RECORDS])

    def chunks(self) -> Iterator[RecordsChunk]:
        """Yield the rows in order."""
        self._stream.seek(0)
        yield from map(self._chunk, objects(self._stream, self.where))

    def _chunk(self, part: Sequence[tuple[int, Object]]) -> RecordsChunk:
        columns = {
            name: [row.get(key) for _, row in part] for name, key in zip(self.names, self._keys, strict=True)
        }
        return RecordsChunk([line for line, _ in part], columns, self.dialect, self.where)
