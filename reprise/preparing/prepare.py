"""From the prepare section of the params to prepared data: pick the source, split, normalise, write."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.data import normalise
from reprise.data.checks import Contract
from reprise.data.folds import Fold
from reprise.data.raw import Raw
from reprise.data.sources import load
from reprise.data.split import assign
from reprise.foundation.errors import UserError
from reprise.foundation.workspace import leads_outside
from reprise.prepared.schema import SPLITS, Schema, SplitName, Statistics, size_of
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.settings.params import Prepare
from reprise.tables.files import is_pattern, table_files

Rows = dict[SplitName, NDArray[np.intp]]  # row numbers of each split


def prepare(params: Prepare, out: Path, raw_dir: Path, fold: Fold | None = None) -> Schema:
    """Write prepared data and return its schema.

    Parameters
    ----------
    params : Prepare
        The prepare section; nothing else of the params matters here.
    out : Path
        The folder that the prepared data replaces, as a whole and at the end.
    raw_dir : Path
        Where raw data stands, for the datasets that have files.
    fold : Fold, optional
        Of a cross-validation: its rows are the test split, in place of a share of all.

    Raises
    ------
    UserError
        If the user's own data is outside the project, among other things that are wrong with it.
    """
    _refuse_outside(params)
    if params.dataset == "csv":
        from reprise.tables.prepare import prepare_csv  # pandas: only who has a table waits for it

        return prepare_csv(params, out, fold=fold)
    if params.dataset == "images":
        from reprise.images.prepare import prepare_images  # Pillow, likewise

        return prepare_images(params, out, fold=fold)
    raw = load(params, raw_dir)
    if params.flatten:
        raw = flattened(raw)
    rows = split_rows(raw, params, fold)
    return _write(raw, rows, params, out)


def _refuse_outside(params: Prepare) -> None:
    """Refuse data of the user's own that DVC doesn't watch: when it changes, old results would stay."""
    paths: list[tuple[str, str | None]] = []
    if params.dataset == "csv":
        given = [("csv.path", params.csv.path), ("csv.test_path", params.csv.test_path)]
        paths = [(key, path) for key, one in given for path in (one, *_matched(key, one))]
    elif params.dataset == "images":
        root = params.images.path
        paths = [("images.path", path) for path in (root, *_linked_folders(root))]
    problems = []
    for key, path in paths:
        target = None if path is None else leads_outside(Path(path))
        if target is not None:
            where = "is" if str(target) == path else f"is a link to {target},"
            problems.append(
                f"prepare.{key}: {path}: {where} outside the project, where no change would be noticed; "
                "copy the data into data/raw and give its path there"
            )
    if problems:
        raise UserError(*problems)


def _matched(key: str, given: str | None) -> list[str]:
    """Return the files of a pattern."""
    if given is None or not is_pattern(given):
        return []
    return [str(file.path) for file in table_files(given, f"prepare.{key}")]


def _linked_folders(root: str) -> list[str]:
    """Return the links to folders below a folder; those to files DVC follows."""
    below = [Path(place, name) for place, folders, _ in os.walk(root) for name in folders]
    return sorted(str(path) for path in below if path.is_symlink())


def flattened(raw: Raw) -> Raw:
    """Return images as a table of their pixels, row by row and channel by channel: pixel_0, pixel_1, …"""
    x = raw.x.reshape(len(raw.x), -1)
    columns = tuple(f"pixel_{number}" for number in range(x.shape[1]))
    return replace(raw, x=x, columns=columns, layout="table")


def split_rows(raw: Raw, params: Prepare, fold: Fold | None = None) -> Rows:
    """Return the row numbers of each split, in the order of the source."""
    parts = assign(
        len(raw.x),
        params.split,
        params.seed,
        labels=raw.y if raw.task == "classification" else None,
        official_test=raw.official_test,
        classes=raw.classes,
        fold=fold,
    )
    rows = {split: np.flatnonzero(parts == number) for number, split in enumerate(SPLITS)}
    if _test_is_train(raw, params):
        rows["test"] = rows["train"]
    return rows


def _test_is_train(raw: Raw, params: Prepare) -> bool:
    return params.split.method == "none" and raw.official_test is None


def _write(raw: Raw, rows: Rows, params: Prepare, out: Path) -> Schema:
    train = rows["train"]
    inputs = normalise.fit(raw.x[train], "none" if raw.whole_numbers else params.normalise)
    target_scale = None
    if params.scale_target and raw.task == "regression":
        target_scale = normalise.fit(raw.y[train][:, None], "feature")
    y: NDArray[Any] = raw.y if raw.task == "classification" else raw.y.astype(np.float32)
    contract = Contract()
    schema = _schema(raw, rows, params, inputs, target_scale)
    with PreparedWriter(out, size=size_of(schema)) as writer:
        for split in SPLITS:
            x = raw.x[rows[split]]
            stored = normalise.apply(x, inputs) if raw.layout == "table" else x
            part = Arrays(stored, y[rows[split]], rows[split].astype(np.int64))
            writer.add(split, part)
            contract.add(split, part)
        return writer.finish(schema, contract.judge(schema, params.checks))


def _schema(
    raw: Raw, rows: Rows, params: Prepare, inputs: Statistics | None, target_scale: Statistics | None
) -> Schema:
    return Schema(
        dataset=params.dataset,
        layout=raw.layout,
        task=raw.task,
        shape=raw.x.shape[1:],
        columns=raw.columns,
        target=raw.target,
        classes=raw.classes,
        counts={split: len(rows[split]) for split in SPLITS},
        class_counts=_class_counts(raw, rows),
        inputs=inputs,
        target_scale=target_scale,
        test_is_train=_test_is_train(raw, params),
        source=raw.source,
        licence=raw.licence,
        raw=raw.raw,
        own=raw.own,
    )


def _class_counts(raw: Raw, rows: Rows) -> dict[str, dict[str, int]]:
    if raw.task == "regression":
        return {}
    counted = {split: np.bincount(raw.y[rows[split]], minlength=len(raw.classes)) for split in SPLITS}
    return {split: dict(zip(raw.classes, counts.tolist(), strict=True)) for split, counts in counted.items()}
