"""What the rows of a table that were looked at say of its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reprise.foundation.errors import UserError
from reprise.starter.target import ID, WORDS, refuse_classes_of_one
from reprise.tables.convert import convert
from reprise.tables.parse import Cells
from reprise.tables.row_numbers import ENOUGH_ROWS, STARTS, counts_rows, is_index, is_unnamed
from reprise.tables.target import Target, find_target
from reprise.tables.types import Ambiguous, Tally, Type, infer, tally
from reprise.tables.values import is_missing, text_hash

MANY_TEXTS = 0.5  # a text column with more different texts than this share of its rows says nothing general


class Column(NamedTuple):
    """What the first rows say of a column."""

    name: str
    type: Type
    ambiguous: bool  # dates that may start with the day or the month
    different: int  # texts


class Seen:
    """What was seen of the rows so far."""

    def __init__(self, names: Sequence[str], target: str) -> None:
        self.decimal, self.name = ".", target
        self.rows = self._looked = 0
        self._tallies: dict[str, Tally] = {name: Counter() for name in names}
        self._texts: dict[str, set[str]] = {name: set() for name in names}
        # From which numbers each column may count the rows, as far as was seen.
        self._starts: dict[str, tuple[int, ...]] = dict.fromkeys(names, STARTS)
        self._codes: list[np.ndarray] = []  # of the target, as places in _answers
        self._answers: dict[str, int] = {}

    def add(self, columns: Mapping[str, object], decimal: str) -> None:
        """Take note of columns of a chunk, all of them `Cells`."""
        self.decimal = decimal
        for name, column in columns.items():
            assert isinstance(column, Cells)
            self._tallies[name] += tally(column, self.decimal)
            self._texts[name] |= set(column.texts)
            if self._starts[name]:
                values = convert(column, Type("numeric"), self.decimal).values
                rows = np.arange(self._looked, self._looked + len(values))
                self._starts[name] = tuple(s for s in self._starts[name] if counts_rows(values, rows, s))
        cells = columns[self.name]
        assert isinstance(cells, Cells)
        self._looked += len(cells.codes) if len(columns) > 1 else 0
        places = [self._answers.setdefault(text.strip(), len(self._answers)) for text in cells.texts]
        self._codes.append(np.array([*places, -1])[cells.codes])

    @property
    def unanswered(self) -> int:
        """Rows without a value of the target."""
        return self._tallies[self.name]["missing"]

    def target(self) -> Target:
        """Return the target as the prepare stage will see it, but for the rows without one."""
        texts = tuple(self._answers)
        codes = np.concatenate(self._codes)
        answered = codes >= 0
        answered[answered] = ~np.array([is_missing(text) for text in texts], np.bool_)[codes[answered]]
        if not answered.any():
            raise UserError(f"column {self.name!r}: no row has a value")
        kind = self._type(self.name)[0]
        if kind.kind != "numeric":
            used = [texts[code] for code in np.unique(codes[answered]).tolist()]
            refuse_classes_of_one(self.name, used, int(answered.sum()), kind.kind)
        kind = kind if kind.kind == "numeric" else Type("categorical")
        converted = convert(Cells(codes[answered], texts), kind, self.decimal)
        values = converted.values[~np.isnan(converted.values)] if kind.kind == "numeric" else converted.values
        names = {text_hash(text): text for text in texts} if kind.kind == "categorical" else None
        return find_target(self.name, values, kind, names, "auto", np.zeros(len(values), np.bool_))

    def column(self, name: str) -> Column:
        """Return what was found out about a column."""
        kind, ambiguous = self._type(name)
        return Column(name, kind, ambiguous, len(self._texts[name]))

    def is_id(self, column: Column) -> bool:
        """Tell whether a column numbers or names the rows."""
        present = self._looked - self._tallies[column.name]["missing"]
        named = ID.fullmatch(column.name) is not None
        return named and column.different == present == self._looked > 1 and column.type.kind != "date"

    def numbers_rows(self, column: Column, names: Sequence[str], header: bool) -> bool:
        """Tell whether prepare will say that a column only numbers the rows."""
        if column.type.kind != "numeric" or self._looked < ENOUGH_ROWS:
            return False
        if self._starts[column.name]:
            return True
        if not is_unnamed(column.name, names, header) or column.different != self._looked:
            return False
        texts = Cells(np.arange(column.different), tuple(self._texts[column.name]))
        return is_index(convert(texts, Type("numeric"), self.decimal).values)

    def hardly_repeats(self, column: Column) -> bool:
        """Tell whether almost every row of a text column has another text."""
        present = self._looked - self._tallies[column.name]["missing"]
        return column.type.kind == "categorical" and present > 20 and column.different > MANY_TEXTS * present

    def is_text(self, column: Column) -> bool:
        """Tell whether most of a column's texts are of several words."""
        texts = [text for text in self._texts[column.name] if not is_missing(text.strip())]
        return sum(len(text.split()) >= WORDS for text in texts) * 2 > len(texts)

    def _type(self, name: str) -> tuple[Type, bool]:
        try:
            return infer(self._tallies[name], None, "auto"), False
        except Ambiguous:
            return infer(self._tallies[name], None, "yes"), True
