"""``prepare.dataset: csv``: from a table of the user's own to prepared data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.data import normalise
from reprise.data.checks import Contract
from reprise.data.split import TRAIN, assign
from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file
from reprise.prepared.schema import SPLITS, Schema, SplitName, Statistics
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.settings.params import Prepare
from reprise.tables.encoder import Encoder
from reprise.tables.fit import fit
from reprise.tables.ingest import Ingested, ingest
from reprise.tables.rows import BLOCK_BYTES, SHOWN
from reprise.tables.sources import Source, in_words, sources_of
from reprise.tables.target import Target, find_target

SHARD_BYTES = 2**25  # smaller than usual: an unfinished shard of each split waits in memory


def prepare_csv(params: Prepare, out: Path, *, block_bytes: int = BLOCK_BYTES) -> Schema:
    """Write prepared data from a table and return its schema.

    Three steps, none of which holds the table in memory: the file is read into a temporary file of
    parsed columns; each column is fitted on its train rows; the rows are encoded and written.
    Row ids count the rows from 0, through all files of the table and the separate test table.

    Parameters
    ----------
    params : Prepare
        With its section ``csv``.
    out : Path
        The folder that the prepared data replaces, as a whole and at the end.
    block_bytes : int
        Bytes of a CSV file to read at a time. The result doesn't depend on it.

    Raises
    ------
    UserError
        If the file can't be read as a table, or its columns don't fit the params: by name and line.
    """
    sources = sources_of(params.csv)
    table = ingest(sources, params.csv, out.parent, block_bytes)
    with closing(table.spill):
        official_test = np.repeat([source.is_test for source in sources], table.rows)
        target = _target(table, params, sources, official_test)
        parts = assign(
            len(official_test),
            params.split,
            params.seed,
            labels=target.y if target.task == "classification" else None,
            groups=_groups(table),
            official_test=official_test if official_test.any() else None,
            classes=target.classes,
        )
        encoder = _encoder(table, params, parts)
        schema = _schema(params, sources, encoder, target, parts)
        contract = Contract()
        with PreparedWriter(out, SHARD_BYTES) as writer:
            for split, rows in _encoded(table, sources, encoder, target, parts, schema.test_is_train):
                writer.add(split, rows)
                contract.add(split, rows)
            checks = contract.judge(
                schema,
                params.checks,
                sources=[code.name for code in encoder.columns for _ in code.features],
                name_of=_place_of(
                    table, [f"{source.file.name}: " * (len(sources) > 1) for source in sources]
                ),
            )
            return writer.finish(schema, checks)


def _target(
    table: Ingested, params: Prepare, sources: Sequence[Source], official_test: NDArray[np.bool_]
) -> Target:
    name = table.roles.target
    values = table.spill.column(len(table.roles.features))
    texts = table.texts.get(name)
    target = find_target(name, values, table.types[name], texts, params.csv.task, official_test)
    if params.scale_target and target.task == "classification":
        raise UserError(
            f"prepare.scale_target: true, but column {name!r} holds {len(target.classes)} classes; set it to "
            "false, or prepare.csv.task to regression"
        )
    with np.errstate(over="ignore"):
        strange = target.y < 0 if target.classes else ~np.isfinite(target.y.astype(np.float32))
    if strange.any():
        place = _place_of(table, [f"{source.file.path}: " for source in sources])
        what = "a class that the first table has not" if target.classes else "too large a number"
        raise UserError(
            *(f"{place(row)}: column {name!r}: {what}" for row in np.flatnonzero(strange)[:SHOWN].tolist())
        )
    return target


def _groups(table: Ingested) -> NDArray[np.int64] | None:
    """Return each row's group, numbered in the order of appearance."""
    if table.roles.group is None:
        return None
    hashes = table.spill.column(list(table.types).index(table.roles.group))
    _, first, group_of = np.unique(hashes, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[group_of]


def _encoder(table: Ingested, params: Prepare, parts: NDArray[np.uint8]) -> Encoder:
    roles = table.roles
    codes = fit(
        roles.features,
        [table.types[name] for name in roles.features],
        lambda number: table.spill.column(number)[parts == TRAIN],
        table.texts,
        params.csv,
        params.normalise,
    )
    encoder = Encoder(
        header=table.dialects[0].header,
        order=table.names,
        target=roles.target,
        id=roles.id,
        group=roles.group,
        dropped=roles.dropped,
        columns=tuple(codes),
    )
    if not encoder.features:
        raise UserError(f"{params.csv.path}: no column has a value in the train split: nothing to learn from")
    return encoder


def _schema(
    params: Prepare, sources: Sequence[Source], encoder: Encoder, target: Target, parts: NDArray[np.uint8]
) -> Schema:
    rows = {split: target.y[parts == number] for number, split in enumerate(SPLITS)}
    test_is_train = params.split.method == "none" and not sources[-1].is_test
    if test_is_train:
        rows["test"] = rows["train"]
    class_counts: dict[str, dict[str, int]] = {
        split: dict(zip(target.classes, np.bincount(y, minlength=len(target.classes)).tolist(), strict=True))
        for split, y in rows.items()
        if target.classes
    }
    inputs = None
    if params.normalise != "none":
        mean, std = zip(*(pair for code in encoder.columns for pair in code.statistics), strict=True)
        inputs = Statistics(mean=mean, std=std)
    scale = params.scale_target and not target.classes
    return Schema(
        dataset="csv",
        layout="table",
        task=target.task,
        shape=(len(encoder.features),),
        columns=encoder.features,
        target=encoder.target,
        classes=target.classes,
        counts={split: len(y) for split, y in rows.items()},
        class_counts=class_counts,
        inputs=inputs,
        target_scale=normalise.fit(rows["train"][:, None], "feature") if scale else None,
        test_is_train=test_is_train,
        source=in_words(sources),
        licence="unknown (your own data)",
        raw={source.name: sha256_file(source.file.path) for source in sources},
        encoder=encoder.to_json(),
    )


def _encoded(
    table: Ingested,
    sources: Sequence[Source],
    encoder: Encoder,
    target: Target,
    parts: NDArray[np.uint8],
    test_is_train: bool,
) -> Iterator[tuple[SplitName, Arrays]]:
    """Yield the rows of each split, portion by portion."""
    y: NDArray[Any] = target.y if target.classes else target.y.astype(np.float32)
    ends = np.cumsum(table.rows)
    start = 0
    for columns in table.spill.blocks():
        rows = len(columns[0])
        x = encoder.encode(columns[: len(encoder.columns)], rows)
        file = int(np.searchsorted(ends, start, side="right"))  # a portion is of one file
        if problems := encoder.overflows(x, columns[-1], table.dialects[file].unit):
            raise UserError(*(f"{sources[file].file.path}: {problem}" for problem in problems))
        block = slice(start, start + rows)
        ids = np.arange(start, start + rows)
        for number, split in enumerate(SPLITS):
            here = parts[block] == (TRAIN if test_is_train and split == "test" else number)
            yield split, Arrays(x[here], y[block][here], ids[here])
        start += rows


def _place_of(table: Ingested, where: Sequence[str]) -> Callable[[int], str]:
    """Return a function that tells which line or row of which file a row id is.

    Parameters
    ----------
    table : Ingested
    where : sequence of str
        What comes before it, for each file.
    """
    lines = table.spill.column(len(table.types))
    ends = np.cumsum(table.rows)

    def place(row: int) -> str:
        number = int(np.searchsorted(ends, row, side="right"))
        return f"{where[number]}{table.dialects[number].unit} {lines[row]}"

    return place
