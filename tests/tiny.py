"""Small rows, models and trainings in memory, for tests of the training loop and its parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reprise.foundation import seeds
from reprise.model.architectures import build
from reprise.model.tensors import Rows, normaliser
from reprise.prepared.schema import Schema, Statistics
from reprise.settings.params import Cnn, Mlp, Model, Train
from reprise.training.checkpoint import Checkpoints
from reprise.training.loop import Job
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.signals import StopRequest

CPU = torch.device("cpu")
MODELS = {
    "mlp": Model(kind="mlp", mlp=Mlp(hidden=(8,), activation="tanh")),
    "mlp with dropout": Model(kind="mlp", mlp=Mlp(hidden=(8, 8), dropout=0.3)),
    "cnn": Model(kind="cnn", cnn=Cnn(channels=(4, 6), strides=(2, 1), hidden=(8,))),
    "cnn with dropout and batch norm": Model(
        kind="cnn", cnn=Cnn(channels=(4, 6), strides=(1, 2), hidden=(8,), dropout=0.3, batch_norm=True)
    ),
}


def schema_of(shape: tuple[int, ...], classes: int = 3, **changes: Any) -> Schema:
    """A schema for rows of this shape; classes 0: a regression."""
    images = len(shape) == 3
    fields: dict[str, Any] = {
        "dataset": "made",
        "layout": "images" if images else "table",
        "task": "classification" if classes else "regression",
        "shape": shape,
        "columns": () if images else tuple(f"column {number}" for number in range(shape[0])),
        "target": "target",
        "classes": tuple(f"class {number}" for number in range(classes)),
        "counts": {"train": 10, "val": 0, "test": 0},
        "class_counts": {},
        "inputs": Statistics(mean=(120.0,) * shape[0], std=(70.0,) * shape[0]) if images else None,
        "target_scale": None,
        "source": "made for a test",
        "licence": "none",
        "raw": {},
    }
    return Schema(**(fields | changes))


def rows_of(schema: Schema, count: int, purpose: str = "train") -> Rows:
    """Rows with something to learn: the target depends on the inputs."""
    numbers = seeds.uniform(count * torch.Size(schema.shape).numel(), 1, "test", purpose)
    x = torch.from_numpy(numbers).reshape(count, *schema.shape)
    # The row's place among all rows when sorted by its first value decides its class.
    first = x.flatten(1)[:, 0]
    y = (first * max(1, len(schema.classes))).to(torch.int64) if schema.classes else first.to(torch.float32)
    stored = (x * 256).to(torch.uint8) if schema.layout == "images" else (x * 4 - 2).to(torch.float32)
    return Rows(stored, y, normaliser(schema, CPU))


def model_of(name: str, schema: Schema, seed: int = 1, **cnn: Any) -> nn.Module:
    """One of `MODELS`, as the train stage makes it; its CNN section may be changed."""
    model = MODELS[name]
    changed = model.model_copy(update={"cnn": model.cnn.model_copy(update=cnn)})
    return build(changed, schema, seed)


def shape_for(name: str) -> tuple[int, ...]:
    """What the named model is fed with."""
    return (1, 8, 8) if name.startswith("cnn") else (5,)


def job_of(name: str, folder: Path, train: Train, **changes: Any) -> Job:
    """A training of a named model on 22 + 9 made rows; its checkpoints are not locked."""
    classes = changes.pop("classes", 3)
    schema = schema_of(shape_for(name), classes)
    parts: dict[str, Any] = {
        "model": model_of(name, schema, train.seed),
        "train_rows": rows_of(schema, 22),
        "val_rows": rows_of(schema, 9, "val"),
        "train": train,
        "checkpoints": Checkpoints(folder),
        "ranks": Ranks(),
        "pool": Pool(1),
        "stop": StopRequest(),
        "report": lambda _done, _total, _row: None,
    }
    return Job(**(parts | changes))


def same_bits(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Whether both hold the same names and the same bits (0.0 and -0.0 differ, NaN equals itself)."""
    return list(one) == list(other) and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].numpy().tobytes() == other[name].numpy().tobytes()
        for name in one
    )
