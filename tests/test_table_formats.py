"""Tables in other formats than CSV: the same prepared bytes, and one clear line for broken files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_files import ENDINGS, Columns, mixed, prepared, write

from reprise.foundation.errors import UserError

TEXTS = st.one_of(
    st.sampled_from(
        ["NA", "", "1", "01", "1.5", "1,234", "yes", "no", "2024-01-02", "true", "x\ny", "a\r\nb"]
    ),
    st.text("ab ,\"'é한\n\t;", max_size=6),
)
# Numbers of 15 digits: what writes workbooks here keeps no more.
KINDS = [
    st.integers(-(10**15), 10**15),
    st.integers(-5, 5),
    st.floats(-1e100, 1e100).map(lambda value: float(f"{value:.15g}")),
    st.sampled_from([0.1, -0.0, 1e-300, 1.0, 1e16]),
    st.booleans(),
    st.dates(date(1900, 3, 1)),
    st.datetimes(datetime(1900, 3, 1), datetime(9999, 12, 31)).map(lambda t: t.replace(microsecond=0)),
    TEXTS,
]


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    rows = draw(st.integers(8, 30))
    columns: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 4))):
        values = st.one_of(st.none(), draw(st.sampled_from(KINDS)))
        columns[f"column {number}"] = draw(st.lists(values, min_size=rows, max_size=rows))
    columns["always"] = [float(row) for row in range(rows)]
    columns["y"] = [("red", "blue")[row % 2] for row in range(rows)]
    return columns


@settings(max_examples=60, deadline=None)
@given(tables())
def test_the_same_table_gives_the_same_bytes_in_every_format(columns: Columns) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        results = {}
        for number, ending in enumerate(ENDINGS):
            try:
                results[ending] = prepared(write(folder / f"t{ending}", columns), folder / str(number))
            except UserError as error:  # such as text in a column of numbers: everywhere or nowhere
                results[ending] = {"refused": str(len(error.problems)).encode()}
        first = results.pop(".csv")
        assert all(result == first for result in results.values()), sorted(
            ending for ending, result in results.items() if result != first
        )
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("ending", ENDINGS)
def test_several_files_are_one_table(tmp_path: Path, ending: str) -> None:
    whole = prepared(write(tmp_path / f"whole{ending}", mixed(60)), tmp_path / "whole")
    for name, rows, start in (("b10", 30, 30), ("b9", 10, 20), ("B", 20, 0)):
        part = mixed(rows, start)
        if name == "b9":
            part = dict(reversed(part.items()))
        write(tmp_path / f"part-{name}{ending}", part)
    # Code points decide: B before b, and b10 before b9.
    order = [*range(20), *range(30, 60), *range(20, 30)]
    shuffled = {key: [values[row] for row in order] for key, values in mixed(60).items()}
    expected = prepared(write(tmp_path / f"order{ending}", shuffled), tmp_path / "order")
    found = prepared(tmp_path / f"part-*{ending}", tmp_path / "parts")
    assert found == expected
    assert found != whole
    schema = json.loads((tmp_path / "parts" / "schema.json").read_text())
    assert list(schema["raw"]) == [f"part-{name}{ending}" for name in ("B", "b10", "b9")]


def test_files_of_a_pattern_in_folders_and_pointers_of_dvc(tmp_path: Path) -> None:
    for year in ("2023", "2024"):
        (tmp_path / year).mkdir()
        write(tmp_path / year / "t.csv", mixed(20))
        (tmp_path / year / "t.csv.dvc").write_text("outs: []\n")
    prepared(tmp_path / "*" / "t.csv*", tmp_path / "out")
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    assert list(schema["raw"]) == ["2023/t.csv", "2024/t.csv"]


def test_a_test_table_of_another_format(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", mixed(40))
    write(tmp_path / "test.csv", mixed(10, 40))
    write(tmp_path / "test.xlsx", mixed(10, 40))
    one, two = (
        prepared(
            tmp_path / "train.parquet", tmp_path / f"out {ending}", test_path=str(tmp_path / f"test{ending}")
        )
        for ending in (".csv", ".xlsx")
    )
    assert one == two
    with pytest.raises(UserError, match=r"prepare\.csv\.test_path: .*train.parquet belongs to .*path too"):
        prepared(tmp_path / "train.parquet", tmp_path / "out", test_path=str(tmp_path / "t*.parquet"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda columns: columns.pop("flag"), r"t2\.csv: no column 'flag', which the first table has$"),
        (
            lambda columns: columns.update(z=columns["n"]),
            r"t2\.csv: column 'z', which the first table has not$",
        ),
        (lambda columns: columns.update(n=["x"] * 20), r"t2\.csv: line 2: column 'n': 'x' is not a number"),
    ],
)
def test_a_file_of_a_pattern_that_does_not_fit_is_named(tmp_path: Path, change: Any, message: str) -> None:
    write(tmp_path / "t1.csv", mixed(1000))
    other = mixed(20)
    change(other)
    write(tmp_path / "t2.csv", other)
    with pytest.raises(UserError, match=message):
        prepared(tmp_path / "t?.csv", tmp_path / "out")


def test_a_pattern_without_a_file_and_a_file_that_looks_like_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"prepare\.csv\.path: .*no-\*\.csv: no file has such a name"):
        prepared(tmp_path / "no-*.csv", tmp_path / "out")
    write(tmp_path / "t[1].csv", mixed(20))
    assert prepared(tmp_path / "t[1].csv", tmp_path / "out")


def test_a_csv_file_waits_for_no_package_of_another_format() -> None:
    code = (
        "import sys, reprise.tables.prepare, reprise.prediction.tables; "
        "loaded = {name.split('.')[0] for name in sys.modules}; "
        "print(*loaded & {'openpyxl', 'sqlalchemy', 'backports', 'sklearn'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
