"""The objects of JSON lines; without pandas, because images are named by them too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from reprise.foundation.errors import UserError

LINES_AT_ONCE = 1000
Object = dict[str, Any]


def objects(lines: Iterable[bytes], where: str) -> Iterator[list[tuple[int, Object]]]:
    """Yield the objects with their line numbers, some at a time; blank lines are left out.

    Raises
    ------
    UserError
        Names the line that holds no object.
    """
    rows = (
        (number, _object(line, f"{where}: line {number}"))
        for number, line in enumerate(lines, 1)
        if line.strip()
    )
    while part := list(islice(rows, LINES_AT_ONCE)):
        yield part


def _object(line: bytes, where: str) -> Object:
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_constant)
        if b"\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise UserError(
            f'{where}: not JSON ({error}); each line is an object such as {{"column": 1.5}}'
        ) from None
    if not isinstance(value, dict):
        raise UserError(f'{where}: must be an object such as {{"column": 1.5}}; found {type(value).__name__}')
    return value


def _constant(name: str) -> None:
    """Read Python's NaN, which is not JSON, as null: it is how many programs write a missing number."""
    if name != "NaN":
        raise ValueError(f"{name} is not a number")
