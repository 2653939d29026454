"""Predictions as text, and rows as batches."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trained import LEAVES, table, write_prepared

from reprise.evaluation.evaluate import Places
from reprise.foundation.errors import UserError
from reprise.model.losses import portable_probabilities
from reprise.prediction.blocks import Block, batches
from reprise.prediction.texts import Texts, fixed_width


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


@given(st.lists(st.integers(0, 7), max_size=12), st.integers(1, 5))
def test_batches_keep_every_row_in_order(sizes, size):
    starts = np.cumsum([0, *sizes])
    blocks = [
        Block(list(range(start, start + count)), np.arange(start, start + count))
        for start, count in zip(starts.tolist(), sizes, strict=False)
    ]
    found = list(batches(blocks, size))
    assert [row for batch in found for row in batch.ids] == list(range(sum(sizes)))
    assert all((batch.x == batch.ids).all() for batch in found)
    assert all(len(batch.x) == size for batch in found[:-1])


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_fixed_width_is_formats(numbers):
    chances = np.array([[number / 10**9, 1 - number / 10**9] for number in numbers])
    chances = np.rint(chances * 1e9) / 1e9
    expected = [f",{one:.9f};한{two:.9f}" for one, two in chances.tolist()]
    assert fixed_width(chances, [b",", ";한".encode()]) == expected


def test_any_class_name_and_id_survives(places):
    names = ('a "b", c', " x ", "줄\n바꿈", "{%s}")
    schema = write_prepared(places.prepared, table(4), np.arange(4), classes=names)
    outputs = torch.eye(4)
    ids = ["plain", 'q"uote', "com,ma", 7]
    form = Texts("csv", schema, portable_probabilities)
    rows = list(csv.DictReader(io.StringIO((form.header + form.rows(ids, outputs)).decode(), newline="")))
    assert [row["id"] for row in rows] == [str(value) for value in ids]
    assert [row["predicted"] for row in rows] == list(names)
    form = Texts("jsonl", schema, portable_probabilities)
    found = [json.loads(line) for line in form.rows(ids, outputs).decode().split("\n")[:-1]]
    assert [row["id"] for row in found] == ids
    assert [list(row["probabilities"]) for row in found] == [list(names)] * 4


def test_outputs_that_are_not_finite_are_refused(places):
    schema = write_prepared(places.prepared, table(4), np.arange(3).repeat(2)[:4], classes=LEAVES)
    with pytest.raises(UserError, match=r"^b: the model's output is not finite"):
        Texts("csv", schema, portable_probabilities).rows(
            ["a", "b"], torch.tensor([[0.0, 0, 0], [0, float("inf"), 0]])
        )
