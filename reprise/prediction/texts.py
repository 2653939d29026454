"""Predictions as text, a batch at a time: a Python call per number would take most of the time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from reprise.foundation.errors import UserError
from reprise.model.inference import DECIMALS
from reprise.model.losses import decided_classes
from reprise.model.tensors import unscale_target
from reprise.prediction.blocks import Place, Skipped
from reprise.prepared.names import NUMBER_COLUMNS, in_words
from reprise.prepared.schema import Schema

Form = Literal["csv", "jsonl"]
DIGITS = np.array([list(f"{number:03}".encode()) for number in range(1000)], np.uint8)  # (1000, 3)
SPECIAL = re.compile(r'[,"\n\r]|^\s|\s$')  # what a CSV cell needs quotes for


class Texts:
    """Writes rows in one form.

    Attributes
    ----------
    header : bytes
        What comes before the first row.

    Parameters
    ----------
    form : {"csv", "jsonl"}
    schema : Schema
    probabilities : callable
        What outputs mean (see `reprise.model.inference.Inference.probabilities`).
    threshold : float, optional
        The probability from which the second of two classes is predicted.
    places : tuple of str
        The columns of the rows' places (see `places.Places`).
    """

    def __init__(
        self,
        form: Form,
        schema: Schema,
        probabilities: Callable[[Tensor], NDArray[np.float64]],
        threshold: float | None = None,
        places: tuple[str, ...] = (),
    ) -> None:
        self._places = places
        self._schema, self._probabilities, self._threshold = schema, probabilities, threshold
        self._csv = form == "csv"
        quoted = _csv_cell if self._csv else _json_text
        self._names = [quoted(name) for name in schema.classes]
        if self._csv:
            columns = ["id", *places, "predicted", *(f"probability_{name}" for name in schema.classes)]
            self.header = ",".join(map(_csv_cell, columns)).encode() + b"\n"
            self._before = [b"," for _ in schema.classes]
            self._parts = ("", ",", "", "\n")
        else:
            self.header = b""
            self._before = [f"{', ' * (n > 0)}{name}: ".encode() for n, name in enumerate(self._names)]
            self._parts = (
                '{"id": ',
                ', "predicted": ',
                ', "probabilities": {' if schema.classes else "",
                "}}\n",
            )
            if not schema.classes:
                self._parts = (*self._parts[:3], "}\n")

    def rows(self, ids: Sequence[Any], outputs: Tensor, places: Sequence[Place] = ()) -> bytes:
        """Return the text of a batch.

        Parameters
        ----------
        ids : sequence of texts, numbers or `Skipped`, one for each row
        outputs : Tensor, shape (rows, outputs)
        places : sequence of tuple, one for each row
            Where it stands; none if there are no columns for it.

        Raises
        ------
        UserError
            If an output is not finite.
        """
        self._refuse_infinite(ids, outputs, places)
        if self._schema.classes:
            chances = self._probabilities(outputs)
            decided = decided_classes(outputs, chances, self._threshold)
            predicted = [self._names[number] for number in decided.tolist()]
            tails = fixed_width(chances, self._before)
        else:
            values = unscale_target(outputs[:, 0], self._schema.target_scale)
            predicted = list(map(repr, values.double().tolist()))
            tails = [""] * len(ids)
        quoted = _csv_cell if self._csv else _json_text
        shown = [str(name) if type(name) is int else quoted(name) for name in ids]
        for number, column in enumerate(self._places):
            before = "," if self._csv else f', "{column}": '
            cells = self._cells([place[number] for place in places])
            shown = [f"{name}{before}{cell}" for name, cell in zip(shown, cells, strict=True)]
        start, middle, before_tail, end = self._parts
        lines = [
            f"{start}{name}{middle}{answer}{before_tail}{tail}{end}"
            for name, answer, tail in zip(shown, predicted, tails, strict=True)
        ]
        for place, name in enumerate(ids):
            if isinstance(name, Skipped):
                lines[place] = self._skipped(name)
        return "".join(lines).encode()

    def _cells(self, values: Sequence[str | int | None]) -> list[str]:
        """Return a column of the rows' places as texts."""
        if set(map(type, values)) == {int}:
            return list(map(str, values))
        nothing, quoted = ("", _csv_cell) if self._csv else ("null", _json_text)
        return [nothing if value is None else quoted(value) for value in values]

    def _skipped(self, row: Skipped) -> str:
        if self._csv:
            return f"{_csv_cell(row.id)}{',' * (1 + len(self._schema.classes))}\n"
        return _json_text({"id": row.id, "predicted": None, "skipped": row.why}) + "\n"

    def _told(self, name: Any, place: Place) -> str:
        """Return what a person calls a row."""
        cells = dict(zip(self._places, place, strict=True))
        for unit, column in NUMBER_COLUMNS.items():
            if cells.get(column) is not None:
                text = "" if type(name) is int else str(name)
                return in_words(cells.get("file"), unit, cells[column], "id", text)
        return f"row {name}" if type(name) is int else str(name)

    def _refuse_infinite(self, ids: Sequence[Any], outputs: Tensor, places: Sequence[Place]) -> None:
        bad = (~outputs.isfinite().all(dim=1)).nonzero()[:, 0].tolist()
        if bad:
            where = self._told(ids[bad[0]], places[bad[0]] if places else ())
            raise UserError(
                f"{where}: the model's output is not finite; are its values far from those that "
                "the model was trained on?"
            )


def fixed_width(chances: NDArray[np.float64], before: Sequence[bytes]) -> list[str]:
    """Return a text for each row: before each number its piece, each number with `DECIMALS` decimals.

    Parameters
    ----------
    chances : array (rows, columns)
        From 0 to 1, multiples of 10**-DECIMALS (see `probabilities`).
    before : sequence of bytes, one for each column
    """
    rows = len(chances)
    whole = np.rint(chances * 10.0**DECIMALS).astype(np.int64)
    columns = []
    for number, piece in enumerate(before):
        columns.append(np.broadcast_to(np.frombuffer(piece, np.uint8), (rows, len(piece))))
        rest, low = np.divmod(whole[:, number], 1000)
        rest, middle = np.divmod(rest, 1000)
        one, high = np.divmod(rest, 1000)
        columns += [
            DIGITS[one][:, 2:], np.full((rows, 1), ord("."), np.uint8),
            DIGITS[high], DIGITS[middle], DIGITS[low],
        ]  # fmt: skip
    text = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return [line.decode() for line in text.view(f"S{text.shape[1]}")[:, 0].tolist()]


def _csv_cell(value: object) -> str:
    text = str(value)
    if SPECIAL.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def _json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
