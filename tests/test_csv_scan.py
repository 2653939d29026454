"""Where records begin and end: against Python's csv module, however the text is cut."""

from __future__ import annotations

import csv

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reprise.foundation.errors import UserError
from reprise.tables.dialect import Dialect
from reprise.tables.parse import parse, texts_of
from reprise.tables.text import RECORD_BYTES, pieces, utf8_blocks

TOKENS = [
    "a", "1", '"', '"', '""', ",", ",", ";", "\n", "\n", "\r", "\r\n", " ", "\t", "x y", "é", "가",
    "-", "1.5", "NA", "\x0b", "\x1c", "\u2028", "\ufeff", "\x85",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(TOKENS), max_size=25).map("".join)
Row = tuple[int, list[str]]


def read(blocks: list[bytes], separator: str) -> list[Row] | None:
    """Return each record's line and cells, or None when it is refused."""
    dialect = Dialect("utf-8", separator, ".", True)
    rows = []
    try:
        for piece in pieces(utf8_blocks(blocks, "utf-8", "table"), separator, "table"):
            for number in range(len(piece.ends)):
                record = piece.part(number, number + 1)
                width = int(record.fields[0])
                columns = parse(record.data, dialect, width, (), range(width), missing=())
                cells = [texts_of(columns[place])[0] for place in range(width)]
                rows.append((int(record.lines[0]), cells))
    except UserError:
        return None
    return rows


def oracle(text: str, separator: str) -> list[Row]:
    """Return the same by Python's csv module."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "")
    lines = [line + "\n" for line in text.split("\n")]
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    rows, first = [], 1
    for row in reader:
        blank = not "".join(lines[first - 1 : reader.line_num]).strip(" \t\n")
        if not (blank and len(row) <= 1):
            rows.append((first, row))
        first = reader.line_num + 1
    return rows


@settings(max_examples=150, deadline=None)
@given(text=TEXTS, separator=st.sampled_from(",;\t"))
@example(text='a,"b\nc",d\ne', separator=",")
@example(text='5" disk,2\n"x",3\n', separator=",")
@example(text='a, "b,c"d"\n', separator=",")
@example(text='"a""b","",""""\n', separator=",")
@example(text='\t"\n가"\r', separator=";")
def test_records_are_those_of_the_csv_module(text: str, separator: str) -> None:
    rows = read([text.encode()], separator)
    if rows is not None:
        assert rows == oracle(text, separator)


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, cut=st.integers(0, 60))
def test_records_dont_depend_on_where_the_bytes_are_cut(text: str, cut: int) -> None:
    data = text.encode()
    whole = read([data], ",")
    assert read([data[:cut], data[cut:]], ",") == whole
    assert read([data[n : n + 1] for n in range(len(data))], ",") == whole


def test_a_quote_that_never_closes_is_refused_by_its_line() -> None:
    with pytest.raises(UserError, match="line 3: a quote opens a cell and never closes"):
        list(pieces([b'a,b\n1,2\n3,"4\n5,6\n'], ",", "table"))


def test_a_quote_that_never_closes_does_not_fill_the_memory() -> None:
    read_bytes = 0

    def endless() -> object:
        nonlocal read_bytes
        yield b'a,b\n1,"2\n'
        while True:
            read_bytes += 2**20
            yield b"3,4\n" * 2**18

    with pytest.raises(UserError, match="line 2: a row of over 16 MiB"):
        list(pieces(endless(), ",", "table"))  # type: ignore[arg-type]
    assert read_bytes <= RECORD_BYTES + 2**21


@pytest.mark.parametrize(
    ("data", "encoding", "line"),
    [
        (b"a\nb\n\xff\n", "utf-8", 3),
        (b"a\r\nb\r\n\xff", "utf-8", 3),
        (b"a\n\x80\n", "cp949", 2),
        (b"a\n\xe9", "utf-8", 2),
    ],
)
def test_bytes_that_are_not_text_are_refused_by_line(data: bytes, encoding: str, line: int) -> None:
    for blocks in ([data], [data[:3], data[3:]]):
        with pytest.raises(UserError, match=f"table: line {line}: bytes that are not {encoding}"):
            list(utf8_blocks(blocks, encoding, "table"))
