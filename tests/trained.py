"""Small prepared data and models for tests; the models have their initial weights, which is all it takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from reprise.data import normalise
from reprise.foundation import seeds
from reprise.model.architectures import build
from reprise.model.card import ModelCard
from reprise.model.file import save_model
from reprise.prepared.schema import SPLITS, Schema, Statistics
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.settings.params import Mlp, Model, Train

LEAVES = ("leaf, long", "한글", "plain")


def write_prepared(
    folder: Path,
    x: np.ndarray,
    y: np.ndarray,
    *,
    classes: tuple[str, ...] = (),
    test: int | None = None,
    target_scale: Statistics | None = None,
    test_is_train: bool = False,
) -> Schema:
    """Write rows as prepared data: the last `test` rows are the test split (default: all of them)."""
    test = len(x) if test is None else test
    train = x[: len(x) - test] if test < len(x) else x
    images = x.dtype == np.uint8
    inputs = normalise.fit(train, "feature")
    stored = x if images else normalise.apply(x, inputs)
    rows = {"train": np.arange(len(train)), "val": np.arange(0), "test": np.arange(len(x) - test, len(x))}
    y = y.astype(np.int64 if classes else np.float32)
    with PreparedWriter(folder) as writer:
        for split in SPLITS:
            writer.add(split, Arrays(stored[rows[split]], y[rows[split]], rows[split].astype(np.int64)))
        return writer.finish(
            Schema(
                dataset="made",
                layout="images" if images else "table",
                task="classification" if classes else "regression",
                shape=x.shape[1:],
                columns=() if images else tuple(f"column {number}" for number in range(x.shape[1])),
                target="target",
                classes=classes,
                counts={split: len(chosen) for split, chosen in rows.items()},
                class_counts={},
                inputs=inputs,
                target_scale=target_scale,
                test_is_train=test_is_train,
                source="made for a test",
                licence="none",
                raw={},
            )
        )


def write_model(
    folder: Path, schema: Schema, *, seed: int = 1, train: Train | None = None, **model: Any
) -> ModelCard:
    """Write an untrained model that fits the data."""
    choice = Model(**{"kind": "mlp", "mlp": Mlp(hidden=(16,)), **model})
    module = build(choice, schema, seed)
    return save_model(
        folder,
        module,
        ModelCard(
            arithmetic="cpu portable",
            task=schema.task,
            classes=schema.classes,
            model=choice,
            train=train or Train(),
            data=schema,
            epochs_trained=1,
            kept_epoch=1,
        ),
    )


def table(rows: int, columns: int = 4, seed: int = 1) -> np.ndarray:
    """Return a table of numbers, each column on a scale of its own; (rows, columns)."""
    draws = seeds.uniform(rows * columns, seed, "test", "table").reshape(rows, columns)
    return (draws - 0.3) * np.array([1.0, 10.0, 1000.0])[np.arange(columns) % 3]


def images(rows: int, shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Return noise as uint8 images; (rows, *shape)."""
    return (
        seeds.integers(rows * math.prod(shape), 256, seed, "test", "images")
        .astype(np.uint8)
        .reshape(rows, *shape)
    )


def labels(rows: int, classes: int, seed: int = 1) -> np.ndarray:
    """Return class numbers; (rows,)."""
    return seeds.integers(rows, classes, seed, "test", "labels")
