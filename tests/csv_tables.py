"""Tables for the CSV tests: written, prepared and read back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.prepared.shards import Arrays, read_split
from reprise.settings.params import Csv, Prepare, Split
from reprise.tables.encoder import Encoder
from reprise.tables.prepare import prepare_csv
from reprise.tables.rows import BLOCK_BYTES, open_table


class Prepared(NamedTuple):
    """A prepared table."""

    schema: Schema
    encoder: Encoder
    train: Arrays
    val: Arrays
    test: Arrays


def prepare_table(
    folder: Path,
    content: str | bytes,
    *,
    block_bytes: int = BLOCK_BYTES,
    test_content: str | None = None,
    split: Split | None = None,
    prepare: dict[str, Any] | None = None,
    **csv: Any,
) -> Prepared:
    """Write a table into `folder`, prepare it there and read the result."""
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if test_content is not None:
        (folder / "test.csv").write_text(test_content, encoding="utf-8", newline="")
        csv["test_path"] = str(folder / "test.csv")
    params = Prepare(
        dataset="csv",
        csv=Csv(path=str(path), **({"target": "y"} | csv)),
        split=split or Split(test=0.25, val=0.0),
        **(prepare or {}),
    )
    out = folder / "prepared"
    schema = prepare_csv(params, out, block_bytes=block_bytes)
    assert schema.encoder is not None
    arrays = [read_split(out, schema, name) for name in ("train", "val", "test")]
    return Prepared(schema, Encoder.from_json(schema.encoder), *arrays)


def new_rows(
    source: Path | str, encoder: Encoder, block_bytes: int = BLOCK_BYTES
) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str], list[str]]:
    """Return the features, line numbers, problems and notes of a file, or of a text as a stream."""
    stream = source if isinstance(source, Path) else io.BytesIO(source.encode())
    with open_table(stream, encoder.settings(), block_bytes=block_bytes) as table:
        matching = encoder.match(table.names, table.where)
        if matching.problems:
            raise UserError(*matching.problems)
        features, lines, problems = [], [], []
        for chunk in table.chunks():
            columns = encoder.read(chunk, matching)
            x, found = encoder.transform(columns, chunk.lines, table.dialect)
            features.append(x)
            lines.append(chunk.lines)
            problems += found
    return np.concatenate(features), np.concatenate(lines), problems, matching.notes


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below a folder by its relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
