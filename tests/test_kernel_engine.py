"""The engine keeps what its jobs point to, and judges what it is given."""

from __future__ import annotations

import gc

import pytest
import torch
from tiny import CPU, rows_of, schema_of
from torch.nn import functional as F

from reprise.model.architectures import build
from reprise.model.tensors import Rows, normaliser
from reprise.prepared.schema import Statistics
from reprise.settings.params import Cnn, Model, Train
from reprise.training.by_kernels import KernelEngine

MODEL = Model(kind="cnn", cnn=Cnn(channels=(4,), strides=(1,), hidden=(8,)))


def test_one_mean_for_three_channels_lives_as_long_as_the_judging() -> None:
    schema = schema_of((3, 8, 8), inputs=Statistics(mean=(120.0,), std=(70.0,)))
    rows = rows_of(schema, 40)
    data = Rows(rows.x, rows.y, normaliser(schema, CPU))
    model = build(MODEL, schema, 1).eval()
    engine = KernelEngine(model, data, Train(), 16)
    found = []
    for first in (0, 16, 32):
        found.append(engine.judge(0, data, first, min(40, first + 16)))
        gc.collect()
        torch.full((1000,), float("nan"))  # what was freed is written over
    with torch.no_grad():
        outputs = model(data.normalise(data.x))
    expected = F.cross_entropy(outputs.double(), data.y, reduction="sum").item()
    assert sum(loss for loss, _ in found) == pytest.approx(expected, rel=1e-5)
    assert sum(correct for _, correct in found) == (outputs.argmax(1) == data.y).sum()


def test_another_split_is_judged_as_itself() -> None:
    schema = schema_of((3, 8, 8))
    one, other = rows_of(schema, 12), rows_of(schema, 12, "val")
    engine = KernelEngine(build(MODEL, schema, 1).eval(), one, Train(), 16)
    assert engine.judge(0, one, 0, 12) != engine.judge(0, other, 0, 12)
    assert engine.judge(0, one, 0, 12) == engine.judge(1, one, 0, 12)
