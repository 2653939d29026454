"""The same table in every format, for the tests of what reads them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd
from csv_tables import files

from reprise.settings.params import Csv, Prepare, Split
from reprise.tables.prepare import prepare_csv

Columns = Mapping[str, Sequence[Any]]
HALVES = Split(test=0.3, val=0.2, method="shuffle")
ENDINGS = (".csv", ".csv.gz", ".csv.zst", ".jsonl", ".ndjson.gz", ".parquet", ".xlsx")


def csv_bytes(columns: Columns) -> bytes:
    """Return the table as CSV: the oracle for what every other format must give."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in zip(*columns.values(), strict=True))
    return stream.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else value


def write(path: Path, columns: Columns) -> Path:
    """Write the table in the format that the path's ending names."""
    name = path.name
    if name.endswith(".parquet"):
        table = pa.table({key: pa.array(values) for key, values in columns.items()})
        pq.write_table(table, path, row_group_size=7)
    elif name.endswith(".xlsx"):
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("rows")
        sheet.append(list(columns))
        for row in zip(*columns.values(), strict=True):
            sheet.append(row)
        book.save(path)
    else:
        data = csv_bytes(columns) if ".csv" in name else _json_lines(columns)
        pack = {".gz": gzip.compress, ".zst": zstd.compress}.get(path.suffix, bytes)
        path.write_bytes(pack(data))
    return path


def _json_lines(columns: Columns) -> bytes:
    rows = zip(*columns.values(), strict=True)
    lines = [
        {
            key: value.isoformat() if isinstance(value, date) else value
            for key, value in zip(columns, row, strict=True)
            if value is not None or number == 0  # the first line has every key; others leave some out
        }
        for number, row in enumerate(rows)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def workbook(path: Path, **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def prepared(path: str | Path, out: Path, **csv: Any) -> dict[str, bytes]:
    """Return the shards, and the schema and checks without what names the file or its lines."""
    chosen = Csv(path=str(path), **{"target": "y", "separator": ",", "decimal": ".", **csv})
    prepare_csv(Prepare(dataset="csv", csv=chosen, split=HALVES), out)
    found = {name: data for name, data in files(out).items() if not name.startswith("names-")}
    schema = json.loads(found.pop("schema.json"))
    del schema["raw"], schema["source"]
    schema["files"] = {name: sha256 for name, sha256 in schema["files"].items() if name in found}
    checks = json.loads(found.pop("checks.json"))
    kinds = sorted(str(check.get("check")) for check in checks.get("findings", []))
    return {**found, "schema": json.dumps(schema).encode(), "kinds": json.dumps(kinds).encode()}


def mixed(rows: int, start: int = 0) -> dict[str, list[Any]]:
    numbers = range(start, start + rows)
    return {
        "n": [None if n % 7 == 3 else n * 1.5 for n in numbers],
        "flag": [n % 3 == 0 for n in numbers],
        "day": [date(2020, 1 + n % 12, 1 + n % 28) for n in numbers],
        "city": [("Seoul", "부산", None)[n % 3] for n in numbers],
        "y": [("red", "blue")[n % 2] for n in numbers],
    }
