"""The canary: one training step on made-up rows, whose hash tells whether this machine keeps the promise.

``canary.json`` stands beside dvc.lock and maps what decides the step (model, shapes, optimizer) to its hash.
A machine that gets another hash would give other bytes after hours of training; it is found in a moment.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from reprise.foundation import seeds
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.files import read_json, write_json
from reprise.model.architectures import build, output_count
from reprise.model.inference import PortableProgram
from reprise.model.pretrained import PretrainedNetwork
from reprise.model.tabular import observe
from reprise.model.tensors import Normaliser, Rows, normaliser
from reprise.own.code import project_code
from reprise.prepared.schema import Schema
from reprise.settings.params import Model, Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.class_weights import balanced
from reprise.training.exact import solve_model
from reprise.training.optimizers import KernelOptimizer
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.slices import SlicedGradient

CANARY_FILE = Path("canary.json")
# The parts of `train` that decide the arithmetic of a step; another rate or seed needs no new record.
DECISIVE = (
    "batch_size", "slices", "optimizer", "momentum", "weight_decay", "label_smoothing", "class_weights"
)  # fmt: skip
RATE, SEED, SOLVED_ROWS = 0.001, 1, 50


def key(model: Model, train: Train, schema: Schema) -> str:
    """Return the name of a canary: a short hash of everything that decides its step."""
    decisive: list[Any] = [
        model.model_dump(mode="json", include={"kind", "outputs", model.kind}),
        train.model_dump(mode="json", include=set(DECISIVE)),
        [schema.layout, schema.task, list(schema.shape), output_count(model, schema)],
    ]
    if model.kind == "own":
        decisive.append(project_code().digests())
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def step_hash(model: Model, train: Train, schema: Schema) -> str:
    """Return the SHA-256 over the weights after one portable step (or a solution) on made-up rows."""
    module: nn.Module = build(model, schema, SEED).train()
    train = train.model_copy(update={"seed": SEED})
    rows = made_up_rows(SOLVED_ROWS if train.optimizer == "exact" else train.batch_size, schema)
    if isinstance(module, PretrainedNetwork) and model.pretrained.tune == "head":
        features = PortableProgram(module.eval().features, schema.shape).outputs(rows.x, rows.normalise)
        module, rows = nn.Sequential(module.head), Rows(features, rows.y, Normaliser(None, None))
    if train.optimizer == "exact":
        solve_model(module, rows, rows, train)
    else:
        _take_a_step(module, rows, train, len(schema.classes))
    digest = hashlib.sha256()
    for tensor in module.state_dict().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _take_a_step(module: nn.Module, rows: Rows, train: Train, classes: int) -> None:
    observe(module, rows.x, rows.y)
    weights = None
    if train.class_weights == "balanced":
        weights = balanced(np.bincount(rows.y.numpy(), minlength=classes).tolist())
    engine = KernelEngine(module, rows, train, 1, weights)
    gradient = SlicedGradient(engine, module, train, Pool(1), Ranks())
    result = gradient.step(torch.arange(train.batch_size), None, 0, 0, False)
    KernelOptimizer(engine, train, Pool(1)).step(result.gradients, RATE)


def made_up_rows(count: int, schema: Schema) -> Rows:
    """Return `count` random rows of the schema's shape: a function of the shape alone."""
    values = count * int(np.prod(schema.shape))
    if schema.layout == "images":
        x = seeds.integers(values, 256, SEED, "canary x").astype(np.uint8)
    else:
        x = (4.0 * seeds.uniform(values, SEED, "canary x") - 2.0).astype(np.float32)
    if schema.task == "classification":
        y = seeds.integers(count, len(schema.classes), SEED, "canary y")
    else:
        y = seeds.uniform(count, SEED, "canary y").astype(np.float32)
    tensor = torch.from_numpy(x.reshape(count, *schema.shape))
    return Rows(tensor, torch.from_numpy(y), normaliser(_unit_scale(schema), torch.device("cpu")))


def check(model: Model, train: Train, schema: Schema, path: Path = CANARY_FILE) -> bool:
    """Compare this machine's step with the recorded one; return whether there was a record.

    Raises
    ------
    EnvironmentProblem
        If the hashes differ.
    """
    known = read_json(path) if path.exists() else {}
    recorded = known.get(key(model, train, schema))
    if recorded is None:
        return False
    found = step_hash(model, train, schema)
    if found != recorded:
        raise EnvironmentProblem(
            f"{path}: one step of this model gives {found[:12]} here, but {recorded[:12]} was recorded: "
            "this machine or its packages would train other bytes; run reprise doctor, or set "
            "train.numerics: native"
        )
    return True


def record(model: Model, train: Train, schema: Schema, path: Path = CANARY_FILE) -> str:
    """Add this model's step to the record and return its key."""
    known = read_json(path) if path.exists() else {}
    name = key(model, train, schema)
    write_json(path, {**known, name: step_hash(model, train, schema)})
    return name


def _unit_scale(schema: Schema) -> Schema:
    # Fixed statistics: the step must not depend on the data, only on its shape.
    if schema.inputs is None or schema.layout == "table":
        return schema
    width = len(schema.inputs.mean)
    fixed = schema.inputs.model_copy(update={"mean": (127.5,) * width, "std": (73.5,) * width})
    return schema.model_copy(update={"inputs": fixed})
