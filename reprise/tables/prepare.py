"""``prepare.dataset: csv``: from a table of the user's own to prepared data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.data import normalise
from reprise.data.checks import Contract
from reprise.data.fingerprints import Hashes
from reprise.data.folds import Fold
from reprise.data.repeats import RawRows
from reprise.data.split import TRAIN
from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_file
from reprise.prepared.names import NAMED, UNNAMED, Names
from reprise.prepared.schema import SPLITS, Schema, SplitName, Statistics, size_of
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.settings.params import Prepare
from reprise.tables.convert import words
from reprise.tables.encoder import Encoder
from reprise.tables.fit import fit
from reprise.tables.ingest import Ingested, ingest
from reprise.tables.naming import names_of, naming_of, teller
from reprise.tables.notes import notes
from reprise.tables.row_numbers import row_numbers
from reprise.tables.rows import BLOCK_BYTES, SHOWN
from reprise.tables.sources import Source, in_words, sources_of
from reprise.tables.splitting import split_rows
from reprise.tables.target import Target, find_target

SHARD_BYTES = 2**25  # smaller than usual: an unfinished shard of each split waits in memory


def prepare_csv(
    params: Prepare, out: Path, *, block_bytes: int = BLOCK_BYTES, fold: Fold | None = None
) -> Schema:
    """Write prepared data from a table and return its schema.

    Three steps, none of which holds the table in memory: the file is read into a temporary file of
    parsed columns; each column is fitted on its train rows; the rows are encoded and written.
    Row ids count the rows from 0, through all files of the table and the separate test table; rows that are
    left out count too.

    Parameters
    ----------
    params : Prepare
        With its section ``csv``.
    out : Path
        The folder that the prepared data replaces, as a whole and at the end.
    block_bytes : int
        Bytes of a CSV file to read at a time. The result doesn't depend on it.
    fold : Fold, optional
        Of a cross-validation: its rows are the test split.

    Raises
    ------
    UserError
        If the file can't be read as a table, or its columns don't fit the params: by name and line.
    """
    sources = sources_of(params.csv, params.split.by)
    table = ingest(sources, params.csv, out.parent, block_bytes, params.split.by)
    with closing(table.spill):
        official_test = np.repeat([source.is_test for source in sources], table.rows)
        target = _target(table, params, sources, official_test)
        parts = split_rows(table, target, params, official_test, fold)
        encoder = _encoder(table, params, parts)
        schema = _schema(params, sources, encoder, target, parts)
        contract, raw_rows = Contract(), _raw_rows(table, encoder)
        with PreparedWriter(out, SHARD_BYTES, naming_of(table, sources), size_of(schema)) as writer:
            portions = _encoded(table, sources, encoder, target, parts, raw_rows.keys, schema.test_is_train)
            for split, rows, keys, names in portions:
                writer.add(split, rows, names)
                contract.add(split, rows, keys)
            checks = contract.judge(
                schema,
                params.checks,
                sources=[code.name for code in encoder.columns for _ in code.features],
                ordered_by=table.roles.by,
                name_of=teller(table, sources),
                others=notes(encoder.columns, encoder.target, table.without_target),
                repeats_are_chance=raw_rows.repeats_are_chance,
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
        told = teller(table, sources, paths=True)
        ids = table.ids()[strange][:SHOWN].tolist()
        what = "a class that the first table has not" if target.classes else "too large a number"
        raise UserError(*(f"{told(row)}: column {name!r}: {what}" for row in ids))
    return target


def _encoder(table: Ingested, params: Prepare, parts: NDArray[np.uint8]) -> Encoder:
    roles = table.roles
    codes = fit(
        roles.features,
        [table.types[name] for name in roles.features],
        lambda number: table.spill.column(number)[parts == TRAIN],
        lambda number: _train_texts(table, number, parts),
        table.texts,
        params.csv,
        params.normalise,
        row_numbers(table),
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


def _train_texts(table: Ingested, number: int, parts: NDArray[np.uint8]) -> Iterator[str]:
    """Yield the train rows' texts of a column."""
    start = 0
    for texts in table.spill.texts(number):
        yield from texts[parts[start : start + len(texts)] == TRAIN]
        start += len(texts)


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
        encoder_widths=tuple(len(code.features) for code in encoder.columns),
    )


def _raw_rows(table: Ingested, encoder: Encoder) -> RawRows:
    """Return the rows by the cells that features are made of; what only numbers the rows tells none apart."""
    places = [place for place, code in enumerate(encoder.columns) if code.kind != "row_number"]
    return RawRows(len(places), lambda number: words(table.spill.column(places[number])), sum(table.rows))


def _encoded(
    table: Ingested,
    sources: Sequence[Source],
    encoder: Encoder,
    target: Target,
    parts: NDArray[np.uint8],
    keys: Hashes,
    test_is_train: bool,
) -> Iterator[tuple[SplitName, Arrays, Hashes, Names]]:
    """Yield the rows of each split, their keys and, of test rows, their names, portion by portion."""
    y: NDArray[Any] = target.y if target.classes else target.y.astype(np.float32)
    ends = np.cumsum(table.rows)
    start = 0
    for columns in table.spill.blocks():
        rows = len(columns[0])
        x = encoder.encode(columns[: len(encoder.columns)], rows)
        ids, lines = columns[len(table.types) : len(table.types) + 2]
        # A portion is of one file; the last of all may have no rows.
        file = min(int(np.searchsorted(ends, start, side="right")), len(sources) - 1)
        if problems := encoder.overflows(x, lines, table.dialects[file].unit):
            raise UserError(*(f"{sources[file].file.path}: {problem}" for problem in problems))
        block = slice(start, start + rows)
        names = names_of(table, columns, file)
        for number, split in enumerate(SPLITS):
            here = parts[block] == (TRAIN if test_is_train and split == "test" else number)
            named = names.only(here) if split == NAMED else UNNAMED
            yield split, Arrays(x[here], y[block][here], ids[here]), keys[block][here], named
        start += rows
