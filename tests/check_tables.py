"""Tables made for tests of the data contract, and its judgement of them."""

from __future__ import annotations

import numpy as np

from reprise.data.checks import Contract
from reprise.prepared.schema import SPLITS, Schema
from reprise.prepared.shards import Arrays


def data_of(x, y, parts, *, task="classification", dataset="csv"):
    """Return a schema and the rows of each split; parts is 0 train, 1 val, 2 test."""
    x = np.asarray(x, np.uint8 if np.ndim(x) == 4 else np.float32)
    y = np.asarray(y, np.int64 if task == "classification" else np.float32)
    ids = np.arange(len(x))
    rows = {split: Arrays(x[parts == n], y[parts == n], ids[parts == n]) for n, split in enumerate(SPLITS)}
    classes = tuple(f"c{n}" for n in range(int(y.max()) + 1)) if task == "classification" else ()
    table = x.ndim == 2
    schema = Schema(
        dataset=dataset, layout="table" if table else "images", task=task, shape=x.shape[1:],
        columns=tuple(f"x{n}" for n in range(x.shape[1])) if table else (), target="y", classes=classes,
        counts={split: len(part.y) for split, part in rows.items()},
        class_counts={
            split: dict(zip(classes, np.bincount(part.y, minlength=len(classes)).tolist(), strict=True))
            for split, part in rows.items() if classes
        },
        inputs=None, target_scale=None, source="", licence="", raw={},
    )  # fmt: skip
    return schema, rows


def judged(schema, rows, policy="warn", cut=10**9, **options):
    contract = Contract()
    for split, part in rows.items():
        for start in range(0, len(part.y), cut):
            contract.add(split, Arrays(*(column[start : start + cut] for column in part)))
    return contract.judge(schema, policy, **options)


def found(report):
    return {(finding["check"], finding["level"]): finding for finding in report["findings"]}


def sound(seed, rows=600, columns=5, classes=3, task="classification"):
    """Return a table with something to learn and nothing wrong."""
    generator = np.random.default_rng(seed)
    if task == "classification":
        y = generator.permutation(np.arange(rows) % classes)
        x = generator.normal(size=(rows, columns)) + 0.8 * y[:, None]
    else:
        x = generator.normal(size=(rows, columns))
        y = x.sum(axis=1) + generator.normal(size=rows)
    parts = generator.choice(3, rows, p=(0.7, 0.1, 0.2))
    return x, y, parts
