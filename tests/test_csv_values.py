"""What cells mean: numbers, booleans, dates, missing values, and the types of columns."""

from __future__ import annotations

import struct
from datetime import datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reprise.tables.dialect import Dialect
from reprise.tables.parse import Cells, cells, parse, texts_of
from reprise.tables.types import Ambiguous, Type, infer, tally
from reprise.tables.values import MISSING_SPELLINGS, boolean, classify, hours, is_missing, number

NUMBER_TEXT = st.from_regex(
    r"[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
CELL = st.one_of(
    NUMBER_TEXT,
    st.text(alphabet="0123456789.,eE+- infatNA_xTRUE'é", max_size=8),
    st.sampled_from(
        ["inf", "1e999", "TRUE", "nan", "1_0", "0x1", "9" * 5000, "2" * 25, "-9223372036854775809"]
    ),
)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(CELL, min_size=1, max_size=5), decimal=st.sampled_from(".,"))
@example(texts=["2.2250738585072011e-308", "9007199254740993.0", "1e23"], decimal=".")
@example(texts=["TRUE", "1"], decimal=".")
@example(texts=["TRUE", ""], decimal=".")
def test_the_fast_reading_of_numbers_is_the_careful_one(texts: list[str], decimal: str) -> None:
    data = "".join(f'"{text}";0\n' for text in texts).encode()
    dialect = Dialect("utf-8", ";", decimal, False)
    column = parse(data, dialect, 2, (0,), (1,))[0]
    if isinstance(column, Cells):  # the text must be as it was written
        assert [text.strip() for text in texts_of(column)] == [
            "" if is_missing(text) and text in MISSING_SPELLINGS else text.strip() for text in texts
        ]
        return
    for text, value in zip(texts, column.tolist(), strict=True):
        careful = number(text.strip(), decimal)
        # Adding 0.0 makes -0.0 and 0.0 one, as `convert` does: pandas reads "-0" as a whole number.
        assert np.isnan(value) if careful is None else _bits(careful + 0.0) == _bits(value + 0.0)
        assert careful is not None or is_missing(text.strip())


def _bits(value: float) -> bytes:
    return struct.pack("d", value)


@settings(max_examples=200, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_to_the_nearest_float64(value: float) -> None:
    assert number(repr(value), ".") == value
    column = parse(f"{value!r},0\n".encode(), Dialect("utf-8", ",", ".", False), 2, (0,), ())[0]
    assert not isinstance(column, Cells)
    assert column[0] == value


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1,234", ".", 1234.0), ("1,234,567.5", ".", 1234567.5), ("-1.234,5", ",", -1234.5),
        ("1 234", ".", 1234.0), ("1\u00a0234,5", ",", 1234.5), ("1'234.5", ".", 1234.5),
        ("1,23", ".", None), ("12,34,567", ".", None), ("1,234 567", ".", None), ("1.5", ",", None),
        ("inf", ".", None), ("1e999", ".", None), ("1_000", ".", None), ("0x10", ".", None), ("٣", ".", None),
        ("1e5", ".", 1e5), (".5", ".", 0.5), ("5.", ".", 5.0), (".", ".", None), ("", ".", None),
        ("+7", ".", 7.0), ("007", ".", 7.0),
    ],
)  # fmt: skip
def test_number(text: str, decimal: str, value: float | None) -> None:
    assert number(text, decimal) == value


def test_missing_and_boolean() -> None:
    assert all(map(is_missing, ["", "?", "NA", "n/a", "N/A", "null", "None", "NaN", "nan", "-", "#N/A"]))
    assert not any(map(is_missing, ["0", "x", "--", "no", "nana"]))
    assert [boolean(text) for text in ("Yes", "no", "TRUE", "f", "1", "0", "maybe")] == [
        1,
        0,
        1,
        0,
        1,
        0,
        None,
    ]


@given(moment=st.datetimes(), form=st.sampled_from(["year-month-day", "day.month.year", "month/day/year"]))
def test_dates_become_hours(moment: datetime, form: str) -> None:
    y, m, d = f"{moment.year:04d}", f"{moment.month:02d}", f"{moment.day:02d}"
    day = {
        "year-month-day": f"{y}-{m}-{d}",
        "day.month.year": f"{d}.{m}.{y}",
        "month/day/year": f"{m}/{d}/{y}",
    }[form]
    full = moment.toordinal() * 24 + moment.hour
    text = f"{day} {moment.hour:02d}:{moment.minute:02d}"
    assert hours(text, form) == float(full + Fraction(moment.minute, 60))
    text += f":{moment.second:02d}.{moment.microsecond:06d}"
    found = hours(text, form)
    assert found is not None
    assert found - full == pytest.approx(moment.minute / 60 + moment.second / 3600, abs=4e-4)
    assert int(found) == full or moment.minute == moment.second == 59
    assert hours(day, form) == moment.toordinal() * 24


@given(st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), min_size=2, max_size=5))
def test_moments_keep_their_order(moments: list[datetime]) -> None:
    values = [hours(f"{moment:%Y-%m-%d %H:%M:%S}", "year-month-day") for moment in sorted(moments)]
    assert values == sorted(values)
    assert len(set(values)) == len({moment.replace(microsecond=0) for moment in moments})


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2024-02-30", "year-month-day", None), ("2024-13-01", "year-month-day", None),
        ("2024-01-02 24:00", "year-month-day", None), ("2024-01/02", "year-month-day", None),
        ("2024-01-02T15:04:05.123Z", "year-month-day", 15), ("2024/1/2 15:04 +09:00", "year-month-day", 15),
        ("1/2/2024 3:04 PM", "month/day/year", 15), ("1/2/2024 12:04 am", "month/day/year", 0),
        ("1/2/2024 13:04 PM", "month/day/year", None), ("2024년 1월 2일", "year년 month월 day일", 0),
        ("20240102", "yearmonthday", 0), ("0000-01-01", "year-month-day", None),
        ("2024-01-02 10:60", "year-month-day", None), ("2024-01-02 10:00:61", "year-month-day", None),
    ],
)  # fmt: skip
def test_hours(text: str, form: str, expected: int | None) -> None:
    found = hours(text, form)
    whole = None if found is None else int(found)
    assert whole == (None if expected is None else datetime(2024, 1, 2).toordinal() * 24 + expected)


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "2.5", "?", ""], Type("numeric")),
        (["1"] * 95 + ["x"] * 5, Type("numeric")),  # the slips are refused by line
        (["1"] * 94 + ["x"] * 6, Type("categorical")),
        (["yes", "No", "NA"], Type("boolean")),
        (["yes", "no", "on"], Type("categorical")),
        (["0", "1"], Type("numeric")),
        (["2024-01-02", "2024-03-04 10:00"], Type("date", "year-month-day")),
        (["13/01/2024", "01/02/2024"], Type("date", "day/month/year")),
        (["01/13/2024", "01/02/2024"], Type("date", "month/day/year")),
        (["20240102"], Type("numeric")),
        (["a", "b", "1"], Type("categorical")),
        (["", "?", "NA"], Type("empty")),
    ],
)
def test_types(texts: list[str], kind: Type) -> None:
    assert infer(tally(cells(texts), "."), None, "auto") == kind


def test_declared_types_and_ambiguous_dates() -> None:
    assert infer(tally(cells(["20240102"]), "."), "date", "auto") == Type("date", "yearmonthday")
    assert infer(tally(cells(["1", "2"]), "."), "categorical", "auto") == Type("categorical")
    counts = tally(cells(["01/02/2024"]), ".")
    with pytest.raises(Ambiguous):
        infer(counts, None, "auto")
    assert infer(counts, None, "yes").form == "day/month/year"
    assert infer(counts, None, "no").form == "month/day/year"


def test_tallies_of_texts_and_of_numbers_agree() -> None:
    texts = ["1", "", "2.5", "NA", "1"]
    numbers = np.array([1, np.nan, 2.5, np.nan, 1])
    assert +tally(cells([text or None for text in texts]), ".") == +tally(numbers, ".")
    assert classify("7", ".") == ("number",)
