"""Targets that can't be meant: nearly every row has a class of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence

from reprise.foundation.errors import UserError
from reprise.tables.types import Kind

ID = re.compile(r"(?i:(?:.*[_ ])?(?:id|idx|index|no|번호|uuid|key))|.*[a-z]I[dD]")
ENOUGH = 20  # of fewer rows the number of classes says little
MANY = 0.5  # classes, as a share of the rows
ALMOST_ALL = 0.9  # of the texts
WORDS = 3  # from so many on, on average, it is a sentence
# A number between a sign or currency and a unit: $1,200, 12 kg, 45%, USD 3.50, 1200원.
_WITH_UNIT = re.compile(r"(?:[A-Z]{3}(?=[\s0-9]))?[-+~<>≈±\s]*[$€£¥₩₹]?\s*[0-9][0-9.,'\s]*[^\s\d_-]{0,8}")


def refuse_classes_of_one(name: str, texts: Sequence[str], rows: int, kind: Kind) -> None:
    """Refuse a target with nearly as many classes as rows, and say what it probably is.

    Parameters
    ----------
    name : str
        The column.
    texts : sequence of str
        Its different texts.
    rows : int
        How many rows have one.
    kind : str
        What the column would be read as if it were no target.

    Raises
    ------
    UserError
        With the likely mistake.
    """
    if rows <= ENOUGH or len(texts) <= MANY * rows:
        return
    raise UserError(
        f"column {name!r}: {len(texts):,} classes in {rows:,} rows, so a class has hardly two rows to learn "
        f"from: {_likely(name, texts, rows, kind)}"
    )


def _likely(name: str, texts: Sequence[str], rows: int, kind: Kind) -> str:
    example = next(iter(texts))
    shown = repr(example if len(example) <= 30 else f"{example[:29]}…")
    if ID.fullmatch(name):
        return "is it an id, which names the rows?"
    if kind == "date":
        return f"these are dates, such as {shown}; predict a number or a class"
    with_unit = sum(_WITH_UNIT.fullmatch(text) is not None for text in texts)
    if with_unit >= ALMOST_ALL * len(texts):
        return f"these look like numbers written as text, such as {shown}; leave only the number in the cells"
    if sum(len(text.split()) for text in texts) >= WORDS * len(texts):
        return f"is it a free text, such as {shown}?"
    if len(texts) == rows:
        return f"every row has another one, such as {shown}: is it an id or a name?"
    return f"is it a name or a code, such as {shown}?"
