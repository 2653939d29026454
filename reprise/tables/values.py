"""What the text of a cell means: missing, a number, a boolean, a date, or just text."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import date
from functools import lru_cache

MISSING = frozenset(("", "?", "-", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "+nan", "null", "none"))
# pandas compares exactly; other spellings reach `is_missing` as text.
MISSING_SPELLINGS = sorted(
    {form for word in MISSING for form in (word, word.upper(), word.capitalize(), "NaN")}
)

BOOLEANS = {"true/false": ("true", "false"), "yes/no": ("yes", "no"), "t/f": ("t", "f"),
            "y/n": ("y", "n"), "on/off": ("on", "off")}  # fmt: skip
_PAIR_OF = {word: pair for pair, words in BOOLEANS.items() for word in words}
_TRUTH = {word: float(word == words[0]) for words in BOOLEANS.values() for word in words} | {
    "1": 1.0,
    "0": 0.0,
}

_TIME = (
    r"(?:(?:T|\s+)(?P<hour>[0-9]{1,2}):(?P<minute>[0-5][0-9])(?::(?P<second>(?:[0-5][0-9]|60)(?:[.,][0-9]+)?))?"
    r"(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?(?:\s?(?:Z|[+-][0-9]{2}:?[0-9]{2}))?)?"
)
_YEAR, _MONTH, _DAY = r"(?P<year>[0-9]{4})", r"(?P<month>[0-9]{1,2})", r"(?P<day>[0-9]{1,2})"
DATES = {
    "year-month-day": re.compile(rf"{_YEAR}(?P<mark>[-/.]){_MONTH}(?P=mark){_DAY}{_TIME}"),
    "day.month.year": re.compile(rf"{_DAY}\.\s?{_MONTH}\.\s?{_YEAR}{_TIME}"),
    "day/month/year": re.compile(rf"{_DAY}(?P<mark>[-/]){_MONTH}(?P=mark){_YEAR}{_TIME}"),
    "month/day/year": re.compile(rf"{_MONTH}(?P<mark>[-/]){_DAY}(?P=mark){_YEAR}{_TIME}"),
    "year년 month월 day일": re.compile(rf"{_YEAR}년\s?{_MONTH}월\s?{_DAY}일{_TIME}"),
    "yearmonthday": re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})" + _TIME),
}
ONLY_DECLARED = ("yearmonthday",)  # these eight digits are a number unless the user says date

_PLAIN = {
    mark: re.compile(rf"[+-]?(?:[0-9]+{re.escape(mark)}?[0-9]*|{re.escape(mark)}[0-9]+)(?:[eE][+-]?[0-9]+)?")
    for mark in ".,"
}
_GROUPED = {
    mark: re.compile(
        rf"[+-]?[0-9]{{1,3}}(?:(?P<group>[{other}' \u2019\u00a0\u2009\u202f])[0-9]{{3}})"
        rf"(?:(?P=group)[0-9]{{3}})*(?:{re.escape(mark)}[0-9]*)?"
    )
    for mark, other in ((".", ","), (",", "."))
}


def is_missing(text: str) -> bool:
    """Tell whether a stripped cell stands for no value: empty, ?, -, NA, null, None, NaN, …"""
    return text.lower() in MISSING


def number(text: str, decimal: str) -> float | None:
    """Return the float64 nearest to a decimal number, or None when `text` is none or too large.

    Thousands may be grouped by the other mark (``1,234.5`` or ``1.234,5``), a space or an apostrophe.
    """
    if not _PLAIN[decimal].fullmatch(text):
        grouped = _GROUPED[decimal].fullmatch(text)
        if grouped is None:
            return None
        text = text.replace(grouped["group"], "")
    value = float(text.replace(decimal, "."))
    return value if math.isfinite(value) else None


def boolean(text: str) -> float | None:
    """Return 1.0 or 0.0 for true/false, yes/no, t/f, y/n, on/off and 1/0 in any case, else None."""
    return _TRUTH.get(text.lower())


@lru_cache(maxsize=2**16)
def hours(text: str, form: str) -> float | None:
    """Return the hours since the day before 0001-01-01, or None when `text` is no date of this form.

    Minutes and seconds are a part of an hour; moments less than 0.00002 seconds apart may be one.

    The clock time counts as it is written; an offset from UTC is read and left aside.

    Parameters
    ----------
    text : str
    form : str
        A key of `DATES`.
    """
    match = DATES[form].fullmatch(text)
    if match is None:
        return None
    hour = int(match["hour"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    if hour > 23:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:  # the 30th of February
        return None
    seconds = int(match["minute"] or 0) * 60 + float((match["second"] or "0").replace(",", "."))
    return day.toordinal() * 24 + hour + seconds / 3600


@lru_cache(maxsize=2**16)
def classify(text: str, decimal: str) -> tuple[str, ...]:
    """Return every class that a cell's text falls in.

    ``missing``, ``number``, a key of `BOOLEANS`, keys of `DATES`; nothing for other text.
    """
    text = text.strip()
    if is_missing(text):
        return ("missing",)
    if pair := _PAIR_OF.get(text.lower()):
        return (pair,)
    if text[0] not in "+-.,0123456789":  # what follows is dear, and most text ends here
        return ()
    forms = tuple(form for form in DATES if hours(text, form) is not None)
    return (*forms, "number") if number(text, decimal) is not None else forms


@lru_cache(maxsize=2**16)
def text_hash(text: str) -> int:
    """Return a number from 1 to 2**64-1 for a stripped text, the same everywhere; 0 is kept for missing."""
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little") or 1
