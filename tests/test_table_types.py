"""The types of Parquet and Excel as cells."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from table_files import workbook

from reprise.foundation.errors import UserError
from reprise.tables.dialect import Settings
from reprise.tables.parse import Cells, texts_of
from reprise.tables.rows import open_table


def read(path: Path, name: str, *, numeric: bool = False) -> Any:
    with open_table(path, Settings()) as table:
        column = next(iter(table.chunks())).read(*(((name,), ()) if numeric else ((), (name,))))[name]
    return texts_of(column) if isinstance(column, Cells) else column.tolist()


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([1, None], pa.uint64()), ["1", ""]),
        (pa.array([1.5, None], pa.float16()), ["1.5", ""]),
        (pa.array([Decimal("1.50"), Decimal("-0.02")]), ["1.50", "-0.02"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["a", None], pa.string_view()), ["a", ""]),
        (pa.array(["a", None], pa.large_string()), ["a", ""]),
        (pa.array([None, None]), ["", ""]),
        (pa.array([time(3, 4, 5)]), ["03:04:05"]),
        (pa.array([0], pa.timestamp("ns")), ["1970-01-01 00:00:00"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01 00:00:00"]),
        (pa.array([0], pa.timestamp("s", "Asia/Seoul")), ["1970-01-01 00:00:00"]),
        (pa.array([date(2024, 2, 29)], pa.date64()), ["2024-02-29"]),
    ],
)  # fmt: skip
def test_the_types_of_parquet(tmp_path: Path, array: pa.Array, texts: list[str]) -> None:
    pq.write_table(pa.table({"x": array}), tmp_path / "t.parquet", store_schema=True)
    assert read(tmp_path / "t.parquet", "x") == texts


def test_numbers_of_parquet_are_read_exactly(tmp_path: Path) -> None:
    table = pa.table(
        {"i": [2**63 - 1, None], "f": pa.array([0.1, None], pa.float32()), "d": [float("inf"), 1.0]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert str(read(tmp_path / "t.parquet", "i", numeric=True)) == "[9.223372036854776e+18, nan]"
    assert str(read(tmp_path / "t.parquet", "f", numeric=True)) == "[0.10000000149011612, nan]"
    assert read(tmp_path / "t.parquet", "d", numeric=True) == ["inf", "1.0"]


def test_cells_of_excel(tmp_path: Path) -> None:
    rows = [[], ["a", "b"], [datetime(2024, 1, 2, 3, 4, 5), True], [None, None], [1.5, None], ["x"]]
    path = workbook(tmp_path / "t.xlsx", one=rows, empty=[])
    with open_table(path, Settings()) as table:
        chunk = next(iter(table.chunks()))
        assert (table.names, chunk.dialect.unit) == (("a", "b"), "row")
        assert chunk.lines.tolist() == [3, 5, 6]
        assert texts_of(chunk.read(text=["a"])["a"]) == ["2024-01-02 03:04:05", "1.5", "x"]
        assert texts_of(chunk.read(text=["b"])["b"]) == ["true", "", ""]


def test_the_sheet_is_chosen(tmp_path: Path) -> None:
    path = workbook(tmp_path / "t.xlsx", first=[["a"], [1]], second=[["b"], [2]])
    with pytest.raises(
        UserError, match=r"2 sheets hold something \('first', 'second'\); set prepare\.csv\.sheet"
    ):
        read(path, "a")
    with open_table(path, Settings(sheet="second")) as table:
        assert table.names == ("b",)
    with (
        pytest.raises(
            UserError, match=r"no sheet 'secnd'; did you mean 'second'\? There are 'first', 'second'"
        ),
        open_table(path, Settings(sheet="secnd")),
    ):
        pass
