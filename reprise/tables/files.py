"""The files that a path or a pattern of the user's names."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import NamedTuple

from reprise.foundation.errors import UserError
from reprise.tables.formats import FORMATS

POINTER = ".dvc"  # a file that stands for another one in git; a pattern such as sales* finds it too


class TableFile(NamedTuple):
    """One file of a table."""

    path: Path
    name: str  # for people and the schema: without the folder of the whole table


def is_pattern(given: str) -> bool:
    """Tell whether a text names files by a pattern, such as ``data/raw/sales-*.csv``."""
    return glob.has_magic(given) and not Path(given).exists()


def table_files(given: str, key: str | None = None) -> list[TableFile]:
    """Return the file of a path, or the files of a pattern sorted by their paths' code points.

    Parameters
    ----------
    given : str
        A path, or a pattern with ``*``, ``?``, ``[…]`` or ``**``.
    key : str, optional
        The parameter that names it, for messages.

    Raises
    ------
    UserError
        If there is no such file.
    """
    path = Path(given)
    where = given if key is None else f"{key}: {given}"
    if is_pattern(given):
        names = glob.glob(given, recursive=True)  # noqa: PTH207 (Path.glob finds hidden files too)
        found = sorted(name for name in names if Path(name).is_file() and not name.endswith(POINTER))
        if not found:
            raise UserError(f"{where}: no file has such a name")
        base = _base(path)
        return [TableFile(Path(name), Path(name).relative_to(base).as_posix()) for name in found]
    if path.is_dir():
        raise UserError(
            f"{where}: a folder; give a file ({FORMATS}), or a pattern such as "
            f"{(path / '*.csv').as_posix()} for several"
        )
    if not path.is_file():
        raise UserError(f"{where}: no such file; give the path of a table: {FORMATS}")
    return [TableFile(path, path.name)]


def _base(pattern: Path) -> Path:
    """Return the folder above the first part that is a pattern."""
    while glob.has_magic(str(pattern)):
        pattern = pattern.parent
    return pattern
