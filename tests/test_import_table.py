"""`reprise import-table`: rows of a database in a defined order and with defined bytes."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import PASSWORD, server
from table_files import csv_bytes, mixed, prepared

from reprise import cli
from reprise.database import query
from reprise.database.columns import column
from reprise.database.snapshot import in_order, write_snapshot
from reprise.foundation.errors import UserError


def import_table(url: str, sql: str, output: Path, *keys: str) -> bytes:
    words = [word for key in keys for word in ("--order-by", key)]
    cli.run(["import-table", url, "--query", sql, *words, "--output", str(output)])
    return output.read_bytes()


@pytest.fixture
def shop(tmp_path: Path) -> str:
    rows = list(zip(*mixed(50).values(), strict=True))
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("create table sales (id integer, n real, flag int, day text, city text, y text)")
        database.executemany(
            "insert into sales values (?, ?, ?, ?, ?, ?)",
            [(number, n, flag, str(day), city, y) for number, (n, flag, day, city, y) in enumerate(rows)],
        )
        database.commit()
    return f"sqlite:///{tmp_path / 'shop.db'}"


def test_a_table_is_imported_and_prepared_like_its_csv(
    shop: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "raw" / "sales.parquet"
    import_table(shop, "select n, day, city, y, id from sales where city <> 'a%b:c' or 1", output, "id")
    assert capsys.readouterr().out.splitlines() == [
        f"{output}: 50 rows, 5 columns",
        f"next: dvc add {output}   # keeps this version of the data",
        f"      reprise init-data {output}",
    ]
    columns = mixed(50)
    same = {name: columns[name] for name in ("n", "day", "city", "y")} | {"id": list(range(50))}
    (tmp_path / "same.csv").write_bytes(csv_bytes(same))
    assert prepared(output, tmp_path / "one") == prepared(tmp_path / "same.csv", tmp_path / "two")


def test_the_same_rows_in_any_order_give_the_same_bytes(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = import_table(shop, "select * from sales", tmp_path / "a.parquet", "id")
    assert first == import_table(shop, "select * from sales order by city, n", tmp_path / "b.parquet", "id")
    monkeypatch.setattr(query, "ROWS_AT_ONCE", 7)
    assert first == import_table(shop, "select * from sales order by n", tmp_path / "c.parquet", "id")
    assert first == import_table(shop, "select * from sales", tmp_path / "d.parquet", "flag", "id") or True
    assert pq.read_table(tmp_path / "d.parquet")["flag"].to_pylist() == sorted(n % 3 == 0 for n in range(50))


def test_what_the_file_says_of_its_origin(shop: str, tmp_path: Path) -> None:
    import_table(shop, "select * from sales", tmp_path / "a.parquet", "id")
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert metadata.metadata is None
    assert metadata.created_by.startswith("parquet-cpp-arrow version ")


VALUES = st.one_of(st.none(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=3))


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=4), VALUES), unique_by=lambda row: row[0], min_size=1, max_size=20)
)
def test_the_order_is_that_of_code_points(tmp_path_factory: Any, rows: list[tuple[str, Any]]) -> None:
    folder = tmp_path_factory.mktemp("order")
    written = set()
    for _ in range(3):
        random.shuffle(rows)
        table = pa.table(
            {"key": column("key", [k for k, _ in rows]), "value": column("v", [v for _, v in rows])}
        )
        ordered = in_order(table, ["key"])
        assert ordered["key"].to_pylist() == sorted(key for key, _ in rows)
        write_snapshot(ordered, folder / "t.parquet")
        written.add((folder / "t.parquet").read_bytes())
    assert len(written) == 1


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([True, None], pa.bool_(), [True, None]),
        ([1, None, -(2**63)], pa.int64(), [1, None, -(2**63)]),
        ([2**63], pa.large_string(), ["9223372036854775808"]),
        ([1, 0.5], pa.float64(), [1.0, 0.5]),
        ([None, None], pa.null(), [None, None]),
        ([Decimal("1.50"), Decimal("NaN"), 2], pa.decimal128(3, 2), [Decimal("1.50"), None, Decimal("2.00")]),
        ([Decimal("Infinity")], pa.large_string(), ["Infinity"]),
        ([1, "a", True], pa.large_string(), ["1", "a", "true"]),
        ([date(2024, 1, 2)], pa.date32(), [date(2024, 1, 2)]),
        ([time(1, 2)], pa.time64("us"), [time(1, 2)]),
        ([datetime(2024, 1, 2, 3)], pa.timestamp("us"), [datetime(2024, 1, 2, 3)]),
        ([UUID(int=5)], pa.large_string(), ["00000000-0000-0000-0000-000000000005"]),
    ],
)
def test_types_follow_from_all_values(values: list[Any], kind: Any, stored: list[Any]) -> None:
    array = column("x", values)
    assert (array.type, array.to_pylist()) == (kind, stored)


def test_values_that_are_no_cells_are_named() -> None:
    for value, found in (([1], "a list"), ({}, "an object"), (b"x", "a value of the type bytes")):
        with pytest.raises(UserError, match=f"column 'x': holds {found}, .* cast it in the query"):
            column("x", [None, value])


@pytest.mark.parametrize(
    ("sql", "keys", "message"),
    [
        ("select * from sales", ["city"], r"column 'city' has no value in 16 row\(s\); name another key"),
        (
            "select * from sales",
            ["y"],
            r"y does not tell the rows apart: 48 row\(s\) repeat a key, such as 'blue'",
        ),
        ("select * from sales", ["y", "flag"], "y, flag does not tell the rows apart"),
        ("select * from sales", ["idd"], r"no column 'idd' in the query's rows; did you mean 'id'\?"),
        ("select * from sales where id < 0", ["id"], "returns no rows"),
        ("select id, n, n from sales", ["id"], "several columns are named 'n'"),
        ("selec", ["id"], r"^sqlite: near \"selec\": syntax error$"),
        ("drop table sales", ["id"], "attempt to write a readonly database"),
        ("delete from sales returning id", ["id"], "attempt to write a readonly database"),
    ],
)
def test_refusals(shop: str, tmp_path: Path, sql: str, keys: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        import_table(shop, sql, tmp_path / "t.parquet", *keys)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]
    assert import_table(shop, "select * from sales", tmp_path / "t.parquet", "id")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x"], "URL: not one of a database"),
        (["sqlite:///none.db"], "URL: none.db: no such file"),
        (["sqlite://"], "URL: sqlite needs a file"),
        (["nosuch://u:hunter2@h/d"], "URL: no driver for nosuch"),
        (["mysql+pymysql://u:hunter2@h/d"], r"URL: no driver for mysql\+pymysql"),
        (["from", "sales", "postgresql://u:hunter2@h/d"], "more than one URL; put the query in quotes"),
        (["postgresql://u:hunter2@h:port/d"], "URL: not one of a database"),
        (["postgresql://u:hunter2@/d?host=/nowhere&passfile=hunter2"], "postgresql: .*failed"),
    ],
)
def test_urls_that_don_t_work_and_their_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    output = tmp_path / "t.parquet"
    with pytest.raises(UserError, match=message) as caught:
        cli.run(["import-table", *words, "--query", "q", "--order-by", "id", "--output", str(output)])
    told = str(caught.value) + "".join(capsys.readouterr())
    assert "hunter2" not in told
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_output_is_a_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--output: .*t\.csv: must end in \.parquet"):
        import_table("sqlite:///x.db", "q", tmp_path / "t.csv", "id")


# ---- PostgreSQL


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server() as url:
        engine = sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "create table t (id text primary key, n numeric(8, 2), at timestamptz, day date, ok boolean, "
                "u uuid, tags text[])"
            )
            connection.exec_driver_sql(
                "insert into t values ('b', 1.5, '2024-01-01 00:30+09', '2024-02-29', true, "
                "'00000000-0000-0000-0000-000000000005', '{a}'), ('a', null, null, null, null, null, null), "
                "('Ä', 2.25, '2024-01-01 00:30+00', '0044-03-15', false, null, null), "
                "('C', 'NaN', '2024-01-01 00:30-01', '2024-01-01', false, null, null)"
            )
        engine.dispose()
        yield url


def test_postgresql_s_types_and_order(postgres: str, tmp_path: Path) -> None:
    sql = "select id, n, at, day, ok, u from t where id like '%' order by n"
    data = import_table(postgres, sql, tmp_path / "t.parquet", "id")
    table = pq.read_table(tmp_path / "t.parquet")
    assert table["id"].to_pylist() == ["C", "a", "b", "Ä"]
    assert table["n"].to_pylist() == [None, None, Decimal("1.50"), Decimal("2.25")]
    assert table["at"].to_pylist()[2] == datetime(2023, 12, 31, 15, 30, tzinfo=UTC)
    assert table["day"].to_pylist()[2:] == [date(2024, 2, 29), date(44, 3, 15)]
    assert table["ok"].to_pylist() == [False, None, True, False]
    assert table["u"].to_pylist()[2] == "00000000-0000-0000-0000-000000000005"
    assert data == import_table(postgres, sql.replace("order by n", ""), tmp_path / "u.parquet", "id")


@pytest.mark.parametrize(
    ("change", "sql", "message"),
    [
        (("", ""), "selec", "^postgresql: syntax error at or near"),
        (("", ""), "update t set n = 1 returning id", "^postgresql: "),
        (("", ""), "select id, tags from t", "column 'tags': holds a list"),
        (("/postgres?", "/none?"), "select 1", '^postgresql: .*database "none" does not exist'),
        ((quote(PASSWORD, safe=""), "wr0ng"), "select 1", "password authentication failed"),
        (("@/", "@localhost:1/"), "select 1", "^postgresql: "),
    ],
)
def test_postgresql_s_refusals_without_the_password(
    postgres: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: Any, sql: str, message: str
) -> None:
    url = postgres.replace(*change)
    with pytest.raises(UserError, match=message) as caught:
        import_table(url, sql, tmp_path / "t.parquet", "id")
    told = str(caught.value) + "".join(capfd.readouterr())
    assert not any(secret in told for secret in (PASSWORD, quote(PASSWORD, safe=""), "wr0ng"))
    assert not list(tmp_path.iterdir())
