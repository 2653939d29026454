"""Where the records of a CSV text begin and end, and how many fields each has.

pandas silently fills short records and does not know line numbers; this does. Most text has regular
quotes (they touch a separator or a line end) and is scanned with array operations; the rest goes
through a regular expression, field by field.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

QUOTE, NEWLINE = 34, 10


class Records(NamedTuple):
    """The complete records at the start of a text."""

    ends: NDArray[np.int64]  # (records,): one past each record's line end
    fields: NDArray[np.int64]  # (records,): fields of each record
    lines: NDArray[np.int64]  # (records,): line ends before each record
    used: int  # bytes of complete records; what follows is the start of an incomplete one
    newlines: int  # line ends in those bytes


def scan(data: bytes, separator: str) -> Records:
    """Find the complete records of `data`.

    Parameters
    ----------
    data : bytes
        UTF-8 with LF line ends, starting where a record starts. Text after the last line end that is
        outside quotes belongs to an incomplete record and is left out.
    separator : str
        One ASCII character.
    """
    symbols = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(symbols == NEWLINE)
    if b'"' not in data:
        ends = newlines + 1
        fields = _fields(np.flatnonzero(symbols == ord(separator)), ends)
    else:
        quotes = np.flatnonzero(symbols == QUOTE)
        if _regular(symbols, quotes, ord(separator)):
            ends = _outside(newlines, quotes) + 1
            fields = _fields(_outside(np.flatnonzero(symbols == ord(separator)), quotes), ends)
        else:
            ends, fields = _scan_fields(data, separator)
    starts = np.concatenate([np.zeros(min(1, len(ends)), np.int64), ends[:-1]])
    used = int(ends[-1]) if len(ends) else 0
    lines = np.searchsorted(newlines, starts)
    return Records(ends, fields, lines, used, int(np.searchsorted(newlines, used)))


def _fields(separators: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.diff(np.searchsorted(separators, ends), prepend=0) + 1


def _outside(positions: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the positions with an even number of quotes before them."""
    outside: NDArray[np.bool_] = np.searchsorted(quotes, positions) % 2 == 0
    return positions[outside]


def _regular(symbols: NDArray[np.uint8], quotes: NDArray[np.int64], separator: int) -> bool:
    """Tell whether each quote opens a field, closes one or is doubled inside one.

    Then every other quote opens. A doubled quote counts as closing and opening again.
    """
    opening, closing = quotes[0::2], quotes[1::2]
    before = symbols[opening[opening > 0] - 1]
    after = symbols[closing[closing < len(symbols) - 1] + 1]
    return all(
        bool(np.all((near == separator) | (near == NEWLINE) | (near == QUOTE))) for near in (before, after)
    )


@lru_cache(maxsize=16)
def _field(separator: str) -> re.Pattern[bytes]:
    other = re.escape(separator).encode()
    # A quote counts only where a field starts; what follows the closing one is text as it stands.
    quoted = rb' *+"(?>[^"]*(?:""[^"]*)*)"[^' + other + rb"\n]*+"
    plain = rb'(?! *+")[^' + other + rb"\n]*+"
    return re.compile(rb"(?:" + quoted + rb"|" + plain + rb")([" + other + rb"\n])")


def _scan_fields(data: bytes, separator: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    match_field = _field(separator).match
    ends: list[int] = []
    fields: list[int] = []
    position = count = 0
    while match := match_field(data, position):
        position = match.end()
        count += 1
        if match[1] == b"\n":
            ends.append(position)
            fields.append(count)
            count = 0
    return np.array(ends, np.int64), np.array(fields, np.int64)
