"""Encoding, separator, decimal mark and header are found, or follow the params."""

from __future__ import annotations

import io

import pytest

from reprise.foundation.errors import UserError
from reprise.tables.dialect import Dialect, Settings
from reprise.tables.rows import open_table

KOREAN = "이름,도시,나이\n김철수,서울,31\n이영희,부산,28\n"
FRENCH = "nom,ville,âge\nÉloïse,Orléans,31\nZoé,Ångoulême,28\n"


def dialect_of(content: bytes, **settings: str) -> tuple[Dialect, tuple[str, ...]]:
    """Return what a stream's head says."""
    with open_table(io.BytesIO(content), Settings(**settings)) as table:
        return table.dialect, table.names


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        (KOREAN, "utf-8", "utf-8"),
        (KOREAN, "utf-8-sig", "utf-8"),
        (KOREAN, "cp949", "cp949"),
        (KOREAN, "utf-16", "utf-16"),
        (FRENCH, "latin-1", "latin-1"),
        (FRENCH, "utf-8", "utf-8"),
        ("a,b,c\n1,2,3\n", "ascii", "utf-8"),
    ],
)
def test_encoding_is_found(text: str, codec: str, found: str) -> None:
    dialect, names = dialect_of(text.encode(codec))
    assert dialect.encoding == found
    assert names == tuple(text.split("\n")[0].split(","))


def test_encoding_is_found_from_the_whole_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "late.csv"
    path.write_bytes(b"a,b\n" + b"1,x\n" * 200_000 + "2,서울\n".encode("cp949"))
    with open_table(path, Settings(), whole=True) as table:
        assert table.dialect.encoding == "cp949"
        last = list(table.chunks())[-1].read(text=["b"])["b"]
        assert last.texts[-1] == "서울"  # type: ignore[union-attr]
    with (
        open_table(path, Settings()) as table,
        pytest.raises(UserError, match="line 200002: bytes that are not"),
    ):
        list(table.chunks())


def test_an_encoding_that_does_not_exist_is_refused() -> None:
    for name in ("utf-9", "base64", "hex", "rot13", "undefined", "", "a\0b"):
        with pytest.raises(UserError, match=r"prepare\.csv\.encoding"):
            dialect_of(b"a,b\n1,2\n", encoding=name)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("1,5;2,5\n3,5;4,5\n", ";"),
        ("a\tb c, d\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ('a,b\n"x;y",1\n"z;w",2\n', ","),
        ("a\n1\n2\n", ","),
        ("a,b,c\n1,2,3\n4,5\n6,7,8\n", ","),  # refused later, by line
        ("\n\na,b\n1,2\n", ","),
    ],
)
def test_separator_is_found(text: str, separator: str) -> None:
    assert dialect_of(text.encode())[0].separator == separator


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("a;b\n1,5;x\n2,25;y\n", ","),
        ("a;b\n1.234,5;x\n", ","),
        ("a;b\n1.5;x\n", "."),
        ("a;b\n1,234;x\n", "."),  # may be either: the point
        ("a;b\n0,500;x\n", ","),
        ("a;b\n1234,500;x\n", ","),
        ('a,b\n"1,234.5",x\n', "."),
        ("a;b\n1;x\n", "."),
    ],
)
def test_decimal_mark_is_found(text: str, decimal: str) -> None:
    assert dialect_of(text.encode())[0].decimal == decimal


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b\n1,x\n", ("a", "b")),
        ("1,x\n2,y\n", ("column_1", "column_2")),
        ("a,a,a (2),\n1,2,3,4\n", ("a", "a (2)", "a (2) (2)", "column_4")),
        ("나이,\x1cab  c\n1,2\n", ("나이", "ab c")),
        ('"a\nb",c\n1,2\n', ("a b", "c")),
        ("NA,-\n1,2\n", ("NA", "-")),
        (",\n1,2\n", ("column_1", "column_2")),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert dialect_of(text.encode())[1] == names


def test_header_follows_the_params() -> None:
    assert dialect_of(b"2019,2020\n1,2\n")[0].header is False
    assert dialect_of(b"2019,2020\n1,2\n", header="yes")[1] == ("2019", "2020")
    assert dialect_of(b"a,b\nc,d\n", header="no")[1] == ("column_1", "column_2")
    with open_table(io.BytesIO(b"2019,y\n1,2\n"), Settings(columns=("y",))) as table:
        assert table.names == ("2019", "y")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "Excel"),
        (b"a,b\n1,\x002\n", "line 2: a NUL byte"),
        ("a,b\n1,2\n".encode("utf-16-le"), "line 1: a NUL byte"),
        (b'"a,b\n1,2\n', "line 1: a quote opens a cell and never closes"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        dialect_of(content)


def test_ragged_rows_are_refused_by_physical_line() -> None:
    content = b'a,b\n"x\ny",2\n\n3\n4,5,6\n'
    with open_table(io.BytesIO(content), Settings()) as table, pytest.raises(UserError) as caught:
        list(table.chunks())
    assert [problem.split(";")[0] for problem in caught.value.problems] == [
        "standard input: line 5: 1 field(s), but the header has 2",
        "standard input: line 6: 3 field(s), but the header has 2",
    ]
