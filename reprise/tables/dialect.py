"""How a CSV file is written: its encoding, separator, decimal mark and whether it has a header.

Each is found from the file unless the params say it.

Encoding: a byte order mark (UTF-8, UTF-16); else UTF-8 when all bytes are; else CP949 when all bytes
are and most characters that are not ASCII are everyday Hangul; else Latin-1, which fits any bytes.
Separator: of tab, ``;``, ``|`` and ``,`` the first one that gives every record the same number of fields,
above one; else the one that does so for most records.
Decimal mark: the comma when more cells can only be read that way (``1,5``) than the other (``1.5``).
Header: the first record is one when it names a column of the params; else unless it holds a number.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

from reprise.foundation.errors import UserError
from reprise.tables.scan import scan
from reprise.tables.values import number

SEPARATORS = "\t;|,"
HEAD_BYTES = 2**18  # the part of a file that separator, decimal mark and header are found from
HEAD_RECORDS = 1000
_BLOCK = 2**20

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HANGUL = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
NUL_ADVICE = "a NUL byte, which no table has; save it as UTF-8 text (UTF-16 needs its byte order mark)"
_OTHER_FORMATS = (
    (b"\x1f\x8b", "a gzip file; its name must end in .gz (table.csv.gz)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file; its name must end in .zst (table.csv.zst)"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook, whose name must end in .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old or an encrypted Excel workbook; save it as .xlsx without a password"),
    (b"PAR1", "a Parquet file; its name must end in .parquet"),
    (b"ARROW1", "an Arrow file; write it as Parquet"),
)
# Numbers whose mark is no group mark: 1.500 may be one or the other, but not 1,234.5, 1.5, 0.500 or 1234.500.
_ONLY = (
    r"[+-]?(?:[0-9]{{1,3}}(?:{other}[0-9]{{3}})+{mark}[0-9]+"
    r"|[0-9]*{mark}(?:[0-9]{{1,2}}|[0-9]{{4,}})"
    r"|(?:0|[0-9]{{4,}}){mark}[0-9]+)"
)
_ONLY_POINT = re.compile(_ONLY.format(mark=r"\.", other=","))
_ONLY_COMMA = re.compile(_ONLY.format(mark=",", other=r"\."))


class Settings(NamedTuple):
    """What the user says of a file; ``auto`` where it is to be found out."""

    separator: str = "auto"
    encoding: str = "auto"
    decimal: str = "auto"
    header: str = "auto"  # yes, no or auto
    columns: tuple[str, ...] = ()  # names that the params mention
    sheet: str | None = None  # of an Excel workbook; None: the only one that holds something


class Dialect(NamedTuple):
    """How a file is written."""

    encoding: str
    separator: str
    decimal: str
    header: bool
    unit: Literal["line", "row"] = "line"  # what its rows are numbered by


NATIVE = Dialect("utf-8", ",", ".", True, "row")  # of formats that have types: the equivalent CSV's


def refuse_other_formats(head: bytes, where: str) -> None:
    """Raise a `UserError` for content that is known not to be a text."""
    for start, what in _OTHER_FORMATS:
        if head.startswith(start):
            raise UserError(f"{where}: this is {what}")


def find_encoding(head: bytes, stream: BinaryIO | None, setting: str, where: str) -> str:
    """Return the name of a Python codec.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    stream : binary file, optional
        The file, to be read to its end and left there; None when it can be read only once (standard
        input) or is too large to be read twice. Then `head` decides.
    setting : str
        A codec, or auto.
    where : str
        The file's name, for messages.
    """
    if setting != "auto":
        if not _is_text_encoding(setting):
            raise UserError(
                f"prepare.csv.encoding: {setting!r} is not a text encoding that Python knows; "
                "use utf-8, cp949, latin-1, … or auto"
            )
        return setting
    for mark, codec in _BOMS:
        if head.startswith(mark):
            return codec
    if b"\0" in head:
        line = head[: head.index(b"\0")].count(b"\n") + 1
        raise UserError(f"{where}: line {line}: {NUL_ADVICE}")
    if _decodes(head, stream, "utf-8"):
        return "utf-8"
    return "cp949" if _decodes(head, stream, "cp949", korean=True) else "latin-1"


def _is_text_encoding(name: str) -> bool:
    try:
        return isinstance(codecs.getincrementaldecoder(name)().decode(b""), str)
    except (LookupError, ValueError, TypeError, AttributeError):  # unknown, or from text to text
        return False


def _decodes(head: bytes, stream: BinaryIO | None, encoding: str, *, korean: bool = False) -> bool:
    """Tell whether the file, or what is known of it, is text in an encoding.

    With `korean` at least half of what is not ASCII must be the everyday Hangul of KS X 1001, which CP949
    writes with two high bytes.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    others = hangul = 0
    try:
        for block in _all_blocks(head, stream):
            text = decoder.decode(block)
            if korean and not text.isascii():
                high = re.sub(r"[\x00-\x7f]+", "", text)
                others += len(high)
                hangul += len(_HANGUL.findall(high.encode("cp949")))
        if stream is not None:
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return not korean or hangul * 2 >= others


def _all_blocks(head: bytes, stream: BinaryIO | None) -> Iterator[bytes]:
    yield head
    if stream is not None:
        stream.seek(len(head))
        while block := stream.read(_BLOCK):
            yield block


def find_separator(head: bytes, setting: str) -> str:
    """Return the separator of a text's complete records `head` (UTF-8, LF)."""
    if setting != "auto":
        return setting
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        records = scan(head, separator)
        starts = np.concatenate([[0], records.ends])[:-1]
        fields = records.fields[records.ends - starts > 1][:HEAD_RECORDS]  # not the blank lines
        if len(fields) == 0:
            continue
        counts = np.bincount(fields)
        usual = int(counts[2:].argmax()) + 2 if len(counts) > 2 else 1
        score = (counts[usual] / len(fields), usual)
        if usual > 1 and score[0] == 1.0:
            return separator
        if usual > 1 and score > best_score:
            best, best_score = separator, score
    return best


def find_decimal(rows: Sequence[Sequence[str]], setting: str) -> str:
    """Return the decimal mark of cells."""
    if setting != "auto":
        return setting
    texts = [cell.strip() for row in rows for cell in row]
    comma = sum(_ONLY_COMMA.fullmatch(text) is not None for text in texts)
    point = sum(_ONLY_POINT.fullmatch(text) is not None for text in texts)
    return "," if comma > point else "."


def find_header(first: Sequence[str], settings: Settings, decimal: str) -> bool:
    """Tell whether the first record holds the columns' names."""
    if settings.header != "auto":
        return settings.header == "yes"
    names = {" ".join(cell.split()) for cell in first}
    if names & set(settings.columns):
        return True
    return not any(number(name, decimal) is not None for name in names)
