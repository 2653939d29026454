"""The formats of tables, told by how a file's name ends."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from reprise.foundation.errors import UserError

Kind = Literal["csv", "json", "parquet", "excel"]
Compression = Literal["gzip", "zstd"]
KINDS: dict[str, Kind] = {
    ".jsonl": "json", ".ndjson": "json", ".json": "json", ".parquet": "parquet", ".pq": "parquet",
    ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".data", ".dat")
FORMATS = "CSV, JSON lines, Parquet or Excel (.xlsx)"
_UNREAD = {
    ".xls": "save it as .xlsx", ".xlsb": "save it as .xlsx", ".ods": "save it as .xlsx",
    ".feather": "write it as Parquet", ".arrow": "write it as Parquet", ".orc": "write it as Parquet",
    ".bz2": "unpack it", ".xz": "unpack it", ".zip": "unpack it",
}  # fmt: skip


class Format(NamedTuple):
    """How a table's file is to be read."""

    kind: Kind
    compression: Compression | None


def format_of(path: Path, where: str) -> Format:
    """Return a file's format; what has no known ending is CSV.

    Raises
    ------
    UserError
        If the ending is that of a format that is not read.
    """
    *_, before, last = ["", "", *(ending.lower() for ending in path.suffixes)]
    compression = COMPRESSIONS.get(last)
    ending = before if compression else last
    if ending in _UNREAD:
        raise UserError(f"{where}: {ending} is not read; {_UNREAD[ending]} (a table is {FORMATS})")
    kind = KINDS.get(ending, "csv")
    if compression and kind in ("parquet", "excel"):
        raise UserError(f"{where}: a file of this kind is compressed inside already; unpack it")
    return Format(kind, compression)


def is_table(path: Path) -> bool:
    """Tell whether a file's ending is that of a table."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSIONS:
        endings.pop()
    return bool(endings) and (endings[-1] in KINDS or endings[-1] in TEXT_ENDINGS)
