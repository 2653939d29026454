"""What a person finds a test row by: line, picture or id; stored beside the shards.

Each shard of test rows of a table or a folder of the user's own has a file of names, whose rows are the
shard's: ``names-test-00000.safetensors`` for ``test-00000.safetensors``. Rows of other datasets are called by
their number. Nothing reads the names of other splits, so they are not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.files import tensors_bytes
from reprise.prepared.packed import PackedTexts
from reprise.prepared.schema import Schema, SplitName
from reprise.prepared.tensor_files import read_tensors

Unit = Literal["line", "row"]
NAMED: SplitName = "test"
NUMBER_COLUMNS: dict[Unit, str] = {"line": "line", "row": "file_row"}  # `row` is the number in prepared data


class Naming(NamedTuple):
    """What the names of a dataset are made of.

    Attributes
    ----------
    files : tuple of str
        The files of a table, as people know them.
    units : tuple of {"line", "row"}
        What each of them numbers its rows by.
    text : {"id", "path"} or None
        What the text of a row is: the cell of the id column, or the picture's path in the folder.
    """

    files: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    text: Literal["id", "path"] | None = None


class Names(NamedTuple):
    """The names of consecutive rows; None for what a dataset has not."""

    file: NDArray[np.int64] | None = None  # (rows,): places in `Naming.files`
    number: NDArray[np.int64] | None = None  # (rows,): line or row in the file, from 1
    text: PackedTexts | None = None  # (rows,)

    def part(self, start: int, stop: int) -> Names:
        """Return the names of the rows from `start` to before `stop`."""
        return Names(
            None if self.file is None else self.file[start:stop],
            None if self.number is None else self.number[start:stop],
            None if self.text is None else self.text.part(start, stop),
        )

    def only(self, keep: NDArray[np.bool_]) -> Names:
        """Return the names of the rows for which `keep` (rows,) is True."""
        return Names(
            None if self.file is None else self.file[keep],
            None if self.number is None else self.number[keep],
            None if self.text is None else self.text.only(keep),
        )

    @classmethod
    def joined(cls, parts: Sequence[Names]) -> Names:
        """Return the names of all parts, which have the same; there is one part at least."""
        files, numbers, texts = (
            [one for one in column if one is not None] for column in zip(*parts, strict=True)
        )
        return cls(
            np.concatenate(files) if files else None,
            np.concatenate(numbers) if numbers else None,
            PackedTexts.joined(texts) if texts else None,
        )


UNNAMED = Names()


class RowNames:
    """The names of rows, for people.

    Parameters
    ----------
    ids : array (rows,)
        The rows' numbers in prepared data, which name them where nothing else does.
    naming : Naming
    names : Names
    """

    def __init__(
        self, ids: NDArray[np.int64], naming: Naming | None = None, names: Names | None = None
    ) -> None:
        self._ids, self._naming, self._names = ids, naming or Naming(), names or UNNAMED
        used = set(self._units())
        self._number_columns = [unit for unit in NUMBER_COLUMNS if unit in used]

    def _units(self) -> list[Unit]:
        """Return the units of the files that hold some of the rows."""
        if self._names.number is None:
            return []
        if self._names.file is None:
            return [self._naming.units[0]]
        return [self._naming.units[file] for file in np.unique(self._names.file).tolist()]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a table that names rows: row, then file, line or file_row, path or id."""
        return (
            "row",
            *(["file"] if self._names.file is not None else []),
            *(NUMBER_COLUMNS[unit] for unit in self._number_columns),
            *([self._naming.text] if self._naming.text is not None else []),
        )

    def cells(self, place: int) -> tuple[int | str, ...]:
        """Return the cells of `columns` for the row at a place; empty where it has none."""
        file, names = self._file(place), self._names
        cells: list[int | str] = [int(self._ids[place])]
        if names.file is not None:
            cells.append(self._naming.files[file])
        if names.number is not None:
            here, number = self._naming.units[file], int(names.number[place])
            cells += [number if unit == here else "" for unit in self._number_columns]
        if names.text is not None:
            cells.append(names.text.text(place))
        return tuple(cells)

    def told(self, place: int) -> str:
        """Return what the row at a place is called in a sentence, such as ``a.csv: line 12 (id A7)``."""
        names = self._names
        text = names.text.text(place) if names.text is not None else ""
        if names.number is None:
            return text or f"row {self._ids[place]}"
        file = self._file(place)
        name = self._naming.files[file] if names.file is not None else None
        return in_words(name, self._naming.units[file], int(names.number[place]), self._naming.text, text)

    def _file(self, place: int) -> int:
        return 0 if self._names.file is None else int(self._names.file[place])


def in_words(file: object, unit: Unit, number: object, kind: object, text: str) -> str:
    """Return a row's name in a sentence.

    Parameters
    ----------
    file : str or None
        None: it need not be said.
    unit : {"line", "row"}
    number : int
        Of the row in its file.
    kind, text : str
        What else it is called by, such as an id; an empty text is left out.
    """
    return f"{'' if file is None else f'{file}: '}{unit} {number}{f' ({kind} {text})' if text else ''}"


def names_bytes(naming: Naming, names: Names) -> bytes:
    """Return a file of names."""
    tensors: dict[str, NDArray[Any]] = {}
    if names.file is not None:
        tensors["file"] = names.file
    if names.number is not None:
        tensors["number"] = names.number
    if names.text is not None:
        tensors |= {"text": names.text.data, "text_ends": names.text.ends}
    return tensors_bytes(tensors, naming._asdict())


def names_file(shard: str) -> str:
    """Return the name of the file that names a shard's rows."""
    return f"names-{shard}"


def read_names(folder: Path, schema: Schema, ids: NDArray[np.int64]) -> RowNames:
    """Return the names of the test rows.

    Parameters
    ----------
    folder : Path
        Prepared data.
    schema : Schema
    ids : array (rows,)
        The rows' numbers (see `reprise.prepared.shards.Arrays`).

    Raises
    ------
    UserError
        If a file that the schema names is missing or is not what the schema says.
    """
    files = sorted(name for name in schema.files if name.startswith(names_file(f"{NAMED}-")))
    if not files:
        return RowNames(ids)
    read = [read_tensors(folder / name, schema.files[name]) for name in files]
    told = read[0][1]
    naming = Naming(tuple(told["files"]), tuple(told["units"]), told["text"])
    return RowNames(ids, naming, Names.joined([_names(tensors) for tensors, _ in read]))


def _names(tensors: dict[str, NDArray[Any]]) -> Names:
    text = PackedTexts(tensors["text"], tensors["text_ends"]) if "text" in tensors else None
    return Names(tensors.get("file"), tensors.get("number"), text)
