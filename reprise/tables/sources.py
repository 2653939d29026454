"""The files that a table's rows come from, in order: those of ``path``, then those of ``test_path``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reprise.foundation.errors import UserError
from reprise.settings.params import Csv
from reprise.tables.dialect import Settings
from reprise.tables.files import TableFile, table_files
from reprise.tables.roles import mentioned


class Source(NamedTuple):
    """A file to read."""

    file: TableFile
    settings: Settings
    is_test: bool

    @property
    def name(self) -> str:
        """The file's name in the schema."""
        return f"{self.file.name}{' (test)' * self.is_test}"


def sources_of(csv: Csv, by: str | None = None) -> list[Source]:
    """Return the files that the params name; `by` is the column that orders the rows.

    Raises
    ------
    UserError
        If one is not there, or is named twice.
    """
    known = _settings(csv, by)
    sources = [Source(file, known, False) for file in table_files(csv.path, "prepare.csv.path")]
    if csv.test_path is None:
        return sources
    train = {source.file.path for source in sources}
    for file in table_files(csv.test_path, "prepare.csv.test_path"):
        if file.path in train:
            raise UserError(
                f"prepare.csv.test_path: {file.path} belongs to prepare.csv.path too; name other files"
            )
        sources.append(Source(file, known, True))
    return sources


def _settings(csv: Csv, by: str | None) -> Settings:
    """Return what the params say of a file."""
    return Settings(
        csv.separator, csv.encoding, csv.decimal, csv.header, tuple(mentioned(csv, by)), csv.sheet
    )


def differences(names: Sequence[str], first: Sequence[str]) -> list[str]:
    """Return what is wrong with a file's columns, which are to be those of the first file in any order."""
    return [
        *(f"no column {name!r}, which the first table has" for name in first if name not in names),
        *(f"column {name!r}, which the first table has not" for name in names if name not in first),
    ]


def in_words(sources: Sequence[Source]) -> str:
    """Return the files as a part of a sentence."""
    names = [source.name for source in sources]
    if len(names) > 2:
        return f"{len(names)} files, {names[0]} to {names[-1]}"
    return f"the file{'s' * (len(names) > 1)} {' and '.join(names)}"
