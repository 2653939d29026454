"""The encoder: from rows of a table to features, with what the train split taught and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from reprise.foundation.errors import UserError, nearest
from reprise.prepared.schema import Texts
from reprise.settings.params import Section
from reprise.tables.codes import Code, Features, Values
from reprise.tables.convert import Converted, convert, misfit_line
from reprise.tables.dialect import NATIVE, Dialect, Settings
from reprise.tables.names import unique
from reprise.tables.parse import Column
from reprise.tables.rows import SHOWN, Chunk


class Matching(NamedTuple):
    """Which columns of a file are which of the training data's."""

    source: dict[str, str]  # name in training: name in the file, for the columns that features are made of
    problems: list[str]  # missing columns; with one of them nothing can be predicted
    notes: list[str]  # columns that are not used, or stand in another order


class Encoder(Section):
    """How rows become features; the JSON value `Schema.encoder`."""

    header: bool = Field(description="whether the training file had one")
    order: Texts = Field(description="all columns of the training file")
    target: str
    id: str | None
    group: str | None
    dropped: Texts
    columns: tuple[Code, ...] = Field(strict=False, description="columns that features are made of, in order")

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Encoder:
        """Return the encoder stored in a schema.

        Raises
        ------
        UserError
            If the value is not one.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(
                f"the schema's encoder: {where}: {first['msg']}; run the prepare stage again"
            ) from None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value to store."""
        return self.model_dump(mode="json")

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names."""
        return unique(name for code in self.columns for name in code.features)

    def settings(self) -> Settings:
        """Return what is known of new files: they have a header if the training file had one."""
        return Settings(header="yes" if self.header else "no", columns=self.order)

    def match(self, names: Sequence[str], where: str) -> Matching:
        """Find the columns of a new file.

        Parameters
        ----------
        names : sequence of str
            The file's columns (see `Table.names`).
        where : str
            The file's name, for messages.
        """
        if not self.header:
            return self._match_by_place(names, where)
        wanted = [code.name for code in self.columns if code.features]
        problems = []
        for name in wanted:
            if name not in names:
                close = nearest(name, set(names) - set(wanted))
                hint = f"did you mean {close!r}?" if close else "add it, with empty cells if it is not known"
                problems.append(f"{where}: no column {name!r}, which the model needs; {hint}")
        known = set(self.order)
        notes = [
            f"{where}: column {name!r} is not used: the training data had none"
            for name in names
            if name not in known
        ]
        common = [name for name in names if name in known]
        if common != [name for name in self.order if name in common]:
            notes.append(
                f"{where}: the columns are in another order than in training; they are matched by name"
            )
        return Matching({name: name for name in wanted if name in names}, problems, notes)

    def _match_by_place(self, names: Sequence[str], where: str) -> Matching:
        """Without a header a file has all columns of the training file, or all but the target."""
        order = [name for name in self.order if len(names) == len(self.order) or name != self.target]
        if len(names) != len(order):
            problem = (
                f"{where}: {len(names)} column(s) without names, but the training data had "
                f"{len(self.order)}; give all of them in that order, or all but {self.target!r}"
            )
            return Matching({}, [problem], [])
        source = dict(zip(order, names, strict=True))
        return Matching({code.name: source[code.name] for code in self.columns if code.features}, [], [])

    def read(self, chunk: Chunk, matching: Matching) -> dict[str, Column]:
        """Parse the columns that features are made of; the keys are their names in training."""
        numeric = [matching.source[code.name] for code in self.columns if code.kind == "numeric"]
        text = [
            matching.source[code.name] for code in self.columns if code.features and code.kind != "numeric"
        ]
        read = chunk.read(numeric, text)
        return {name: read[source] for name, source in matching.source.items()}

    def transform(
        self, columns: Mapping[str, Column], lines: NDArray[np.int64], dialect: Dialect = NATIVE
    ) -> tuple[Features, list[str]]:
        """Return the features of rows.

        Parameters
        ----------
        columns : mapping of str to column
            By name in training (see `read`, and `parse.cells` for texts from elsewhere).
        lines : array (rows,)
            The rows' numbers, for messages.
        dialect : Dialect
            The decimal mark in texts, and what the rows' numbers count.

        Returns
        -------
        features : array (rows, features) of float32
        problems : list of str
            Cells that are not what their column holds, such as text in a numeric column; the features
            of their rows are not to be used. A few of each column are listed and the rest counted.
        """
        problems: list[str] = []
        values: list[Values] = []
        for code in self.columns:
            if not code.features:
                values.append(np.full(len(lines), np.nan))
                continue
            converted = convert(columns[code.name], code.type, dialect.decimal)
            values.append(converted.values)
            problems += misfits(code, converted, lines, dialect.unit)
        features = self.encode(values, len(lines))
        if not problems:
            problems = self.overflows(features, lines, dialect.unit)
        return features, problems

    def encode(self, values: Sequence[Values], rows: int) -> Features:
        """Return the features, shape (rows, features), of the values of each column (see `convert`)."""
        widths = [len(code.features) for code in self.columns]
        out = np.empty((rows, sum(widths)), np.float32)
        start = 0
        with np.errstate(over="ignore"):
            for code, column, width in zip(self.columns, values, widths, strict=True):
                code.encode(column, out[:, start : start + width])
                start += width
        return out

    def overflows(self, features: Features, lines: NDArray[np.int64], unit: str = "line") -> list[str]:
        """Name the cells whose features are too large for float32."""
        if np.isfinite(features).all():
            return []
        rows, places = np.nonzero(~np.isfinite(features))
        names = self.features
        return [
            f"{unit} {lines[row]}: column {names[place]!r}: the number is too large for the model"
            for row, place in list(zip(rows.tolist(), places.tolist(), strict=True))[:SHOWN]
        ]


def misfits(code: Code, converted: Converted, lines: NDArray[np.int64], unit: str = "line") -> list[str]:
    """Return messages about the cells that don't fit a column."""
    shown = converted.misfits[:SHOWN]
    more = len(converted.misfits) - len(shown)
    return [
        misfit_line(f"{unit} {lines[row]}", code.name, code.type, text, more * (number == len(shown) - 1))
        for number, (row, text) in enumerate(shown)
    ]
