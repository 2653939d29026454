"""Files that are no whole tables end in one clear line."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from table_files import mixed, prepared, workbook, write

from reprise.foundation.errors import UserError

ROWS = [{"x": n, "y": "ab"[n % 2]} for n in range(40)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


def parquet_bytes(**columns: Any) -> bytes:
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue().to_pybytes()


NESTED = parquet_bytes(x=[[n] for n in range(40)], y=list("ab" * 20))
WHOLE = parquet_bytes(x=list(range(40)), y=list("ab" * 20))
BROKEN = {
    "no gzip.csv.gz": (b"x,y\n1,a\n", "not a whole gzip file"),
    "cut.csv.gz": (gzip.compress(LINES)[:-20], "not a whole gzip file"),
    "wrong sum.csv.gz": (gzip.compress(LINES)[:-8] + bytes(8), "not a whole gzip file"),
    "no zstd.jsonl.zst": (LINES, "not a whole zstd file"),
    "named.csv": (gzip.compress(LINES), r"a gzip file; its name must end in \.gz"),
    "parquet.csv": (WHOLE, r"a Parquet file; its name must end in \.parquet"),
    "text.parquet": (LINES, "not a Parquet file, or a broken one"),
    "empty.parquet": (b"", "not a Parquet file, or a broken one"),
    "cut.parquet": (WHOLE[:-40], "not a Parquet file, or a broken one"),
    "nested.parquet": (NESTED, r"column 'x': holds list<.*>, but a cell is"),
    "nested.jsonl": (LINES + b'{"x": [1], "y": "a"}\n', "line 41: column 'x': must be .*; found a list"),
    "array.json": (b'[{"x": 1}]', "line 1: must be an object such as"),
    "half.jsonl": (LINES + b'{"x": 1, "y"', "line 41: not JSON"),
    "empty.jsonl": (b"\n", "empty; each line is an object"),
    "text.xlsx": (LINES, "not an Excel workbook, or a broken one"),
    "old.xlsx": (OLD, r"an old workbook \(\.xls\); save it as \.xlsx"),
    "secret.xlsx": (OLD + "EncryptedPackage".encode("utf-16-le"), "an encrypted workbook"),
    "old.xls": (OLD, r"\.xls is not read; save it as \.xlsx"),
    "packed.xlsx.gz": (OLD, "compressed inside already; unpack it"),
    "t.zip": (b"PK", r"\.zip is not read; unpack it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_ends_in_one_clear_line(tmp_path: Path, name: str) -> None:
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        prepared(tmp_path / name, tmp_path / "out")
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_broken_workbooks_and_cells_that_are_none(tmp_path: Path) -> None:
    wide = workbook(tmp_path / "wide.xlsx", s=[["x", "y"], [1, "a"], [2, "b", 3]])
    with pytest.raises(UserError, match=r"wide\.xlsx: row 3: 3 cell\(s\), but the first row has 2"):
        prepared(wide, tmp_path / "out")
    long = workbook(tmp_path / "long.xlsx", s=[["x", "y"], [timedelta(days=2), "a"], [timedelta(1), "b"]])
    with pytest.raises(
        UserError, match=r"row 2: column 'x': must be a text.*found a value of the type timedelta"
    ):
        prepared(long, tmp_path / "out")
    data = wide.read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"cut\.xlsx: not an Excel workbook, or a broken one"):
        prepared(tmp_path / "cut.xlsx", tmp_path / "out")
    none = workbook(tmp_path / "none.xlsx", a=[], b=[])
    with pytest.raises(UserError, match=r"none\.xlsx: empty"):
        prepared(none, tmp_path / "out")


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["t.parquet", "t.jsonl", "t.csv.gz", "t.csv.zst", "t.xlsx"]),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    st.one_of(st.just(1.0), st.floats(0, 1)),
)
@example("t.parquet", [(0.390625, 128)], 1.0)  # a name that is no UTF-8
def test_whatever_the_bytes_a_result_or_one_clear_error(
    name: str, changes: list[tuple[float, int]], kept: float
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        content = bytearray(write(folder / name, mixed(12)).read_bytes())
        for place, byte in changes:
            content[int(place * (len(content) - 1))] = byte
        (folder / name).write_bytes(content[: int(kept * len(content))])
        refused: tuple[str, ...] = ()
        try:
            prepared(folder / name, folder / "out")
        except UserError as error:
            refused = error.problems or ("",)
        assert all(problem and "\n" not in problem and len(problem) < 700 for problem in refused)
        assert (folder / "out").exists() != bool(refused)
    finally:
        shutil.rmtree(folder)
