"""The train stage from the command line: what it writes and what it refuses."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
from train_process import OUTPUTS, PARAMS, Place

from reprise.prepared.schema import SPLITS

# What it writes


def test_it_writes_the_model_files_and_the_history_and_nothing_else(real: Place) -> None:
    found = {str(path.relative_to(real.folder)) for path in real.folder.rglob("*") if path.is_file()}
    given = {
        "params.yaml",
        "log",
        "prepared/schema.json",
        *(f"prepared/{s}-00000.safetensors" for s in SPLITS),
    }
    assert found == {*OUTPUTS, *given}
    assert real.states() == []
    lines = real.log.splitlines()
    assert [line[:9] for line in lines] == ["epoch 1/3", "epoch 2/3", "epoch 3/3", "trained 3"]


def test_the_history_has_a_row_an_epoch(real: Place) -> None:
    header, *rows = real.outputs()["metrics/history.csv"].decode().splitlines()
    assert header == "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy"
    assert [row.split(",")[0] for row in rows] == ["1", "2", "3"]


def test_nothing_that_is_hashed_tells_of_the_machine_or_the_time(real: Place) -> None:
    card = json.loads(real.outputs()["models/model.json"])
    assert card["train"]["slices"] == 3
    assert card["arithmetic"] == "cpu portable"
    assert card["epochs_trained"] == 3
    for data in real.outputs().values():
        assert not re.search(rb"/tmp|pytest|workers|20[2-9]\d-|localhost", data)
        assert socket.gethostname().encode() not in data


# Refused


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(bytes(data))


SHARD = "prepared/train-00000.safetensors"
REFUSALS = {
    "a bad parameter": (lambda p: p.params(lr=-1), "params.yaml: train.lr: must be a number > 0"),
    "a contradiction": (lambda p: p.params(momentum=0.5), "params.yaml: train.momentum: is for sgd"),
    "no params": (lambda p: (p.folder / "params.yaml").unlink(), "params.yaml: no such file"),
    "no prepared data": (
        lambda p: (p.folder / "prepared/schema.json").unlink(),
        "prepared/schema.json: no such file; run the stage that writes it",
    ),
    "a broken schema": (
        lambda p: (p.folder / "prepared/schema.json").write_text("{}"),
        "prepared/schema.json: dataset: Field required; run the prepare stage again",
    ),
    "a missing shard": (
        lambda p: (p.folder / SHARD).unlink(),
        f"{SHARD}: no such file; run the prepare stage",
    ),
    "a truncated shard": (
        lambda p: truncate(p.folder / SHARD),
        f"{SHARD}: is not what schema.json beside it",
    ),
    "a changed shard": (lambda p: flip(p.folder / SHARD), f"{SHARD}: is not what schema.json beside it"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_wrong_input_is_refused_in_a_line_and_nothing_is_written(name: str, place: Place) -> None:
    spoil, line = REFUSALS[name]
    spoil(place)
    (place.folder / "models").mkdir()
    (place.folder / "models/model.json").write_text("of an earlier run")
    assert place.train() == 2
    assert len(place.log.splitlines()) == 1
    assert f"{place.folder}/{line}" in place.log
    assert place.outputs() == {"models/model.json": b"of an earlier run"}
    assert [path for path in place.states() if not path.endswith(".lock")] == []


@pytest.mark.parametrize("workers", ["0", "-1", "two", "1.5", "", "²"])
def test_a_wrong_number_of_workers_is_refused(workers: str, place: Place) -> None:
    assert place.train(f"--workers={workers}") == 2
    assert place.log == f"--workers: must be a whole number ≥ 1 or auto; found {workers!r}\n"


def test_divergence_is_refused_and_nothing_is_written(place: Place) -> None:
    place.params(optimizer="sgd", lr=100.0, momentum=0.99)
    flat = {**PARAMS, "model": {"kind": "linear"}}
    flat["train"] = {"epochs": 3, "batch_size": 16, "optimizer": "sgd", "lr": 100.0, "weight_decay": 1e30}
    (place.folder / "params.yaml").write_text(json.dumps(flat))
    assert place.train(saves=True) == 2
    assert "the training diverged; lower train.lr or set train.clip_norm: 1.0" in place.log
    assert "Traceback" not in place.log
    assert place.outputs() == {}
