"""What prepared data will probably be like: enough to know how long a training on it takes."""

from __future__ import annotations

from typing import Literal

from reprise.prepared.schema import Schema, Statistics
from reprise.settings.params import Params
from reprise.starter.folder import FolderLook
from reprise.starter.table import TableLook

NUMBER, CODE = (0.5, 2.0), (0.0, 1.0)  # mean and deviation of features that are numbers, and of all others
DATE = 9  # features of a date: its days and the points of its circles


def expected_table(look: TableLook, params: Params) -> Schema:
    """Return the schema that a table will have, as far as the look tells.

    Parameters
    ----------
    look : TableLook
    params : Params
        That were chosen for it.
    """
    numbers = codes = 0
    idle = {look.id, *look.drop, *look.row_numbers}
    csv = params.prepare.csv
    for column in look.columns:
        if column.name in idle:
            continue
        if column.name in look.texts:
            codes += csv.text_terms
        elif column.name in look.presences or column.type.kind == "boolean":
            codes += 1
        elif column.type.kind == "numeric":
            numbers += 1
        elif column.type.kind == "date":
            numbers, codes = numbers + 1, codes + DATE - 1
        else:
            codes += min(column.different, csv.max_categories)
    statistics = [NUMBER] * numbers + [CODE] * codes or [CODE]  # prepare refuses a table without any feature
    means, deviations = zip(*statistics, strict=True)
    inputs = Statistics(mean=means, std=deviations)
    columns = tuple(f"feature {number}" for number in range(len(statistics)))
    return _schema("table", (len(columns),), columns, look.classes, look.rows, inputs, params)


def expected_images(look: FolderLook, params: Params) -> Schema:
    """Return the schema that a folder of pictures will have."""
    channels = 3 if look.mode == "rgb" else 1
    pixels = params.prepare.images.pixels
    inputs = Statistics(mean=(120.0,) * channels, std=(70.0,) * channels)
    shape = (channels, pixels, pixels)
    return _schema("images", shape, (), look.classes, look.images, inputs, params)


def _schema(
    layout: Literal["table", "images"],
    shape: tuple[int, ...],
    columns: tuple[str, ...],
    classes: tuple[str, ...],
    rows: int,
    inputs: Statistics,
    params: Params,
) -> Schema:
    split = params.prepare.split
    test = round(rows * split.test)
    val = round((rows - test) * split.val)
    return Schema(
        dataset="csv" if layout == "table" else "images",
        layout=layout,
        task="classification" if classes else "regression",
        shape=shape,
        columns=columns,
        target="",
        classes=classes,
        counts={"train": rows - test - val, "val": val, "test": test},
        class_counts={},
        inputs=None if params.prepare.normalise == "none" else inputs,
        target_scale=None,
        source="",
        licence="",
        raw={},
    )
