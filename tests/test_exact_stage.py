"""`train.optimizer: exact` from prepared data to model files: what it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_guard import write_prepared
from tiny import schema_of
from torchrun import torchrun_stage

from reprise.arithmetic.linear_solver import LinearProblem
from reprise.foundation.errors import Interrupted, UserError
from reprise.foundation.states import STATE_VARIABLE
from reprise.model.file import load_model
from reprise.settings.params import Model, Params, Train
from reprise.training import canary, exact
from reprise.training.refusals import refuse_unfit
from reprise.training.run import Places, run

OUTPUTS = ("models/model.json", "models/model.safetensors", "metrics/history.csv")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATE_VARIABLE, "state")
    write_prepared("classes", tmp_path / "prepared")


def sections(**train: Any) -> dict[str, Any]:
    settings = {"optimizer": "exact", "weight_decay": "auto", "patience": 3, "epochs": 7, **train}
    return {"prepare": {"dataset": "iris"}, "model": {"kind": "linear"}, "train": settings, "evaluate": {}}


def outputs(workers: int = 1, **train: Any) -> list[bytes]:
    """Run the stage and return what it wrote."""
    places = Places(Path("prepared"), Path("models"), Path("metrics"))
    run(Params.model_validate(sections(**train)), places, "auto", workers)
    return [Path(name).read_bytes() for name in OUTPUTS]


def test_it_writes_a_model_and_a_history_of_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    outputs()
    header, row = Path("metrics/history.csv").read_text().splitlines()
    assert header == "epoch,weight_decay,train_loss,train_accuracy,val_loss,val_accuracy"
    values = dict(zip(header.split(","), map(float, row.split(",")), strict=True))
    assert values["epoch"] == 1
    assert values["weight_decay"] in exact.WEIGHT_DECAYS
    assert values["train_loss"] < 1
    module, card = load_model(Path("models"))
    assert (card.epochs_trained, card.kept_epoch, card.train.weight_decay) == (1, 1, "auto")
    assert card.arithmetic == "cpu portable"
    assert sum(p.numel() for p in module.parameters()) == 3 * 6
    told = capsys.readouterr().out
    assert "solved in " in told
    assert "(chosen by 10 folds of the train split)" in told
    assert list(Path("state").rglob("checkpoint")) == []


def test_what_paces_a_training_changes_no_weight() -> None:
    _, weights, history = outputs()
    other = {"lr": 0.5, "epochs": 1, "batch_size": 8, "slices": 4, "clip_norm": 0.1, "keep": "last"}
    assert outputs(3, **other)[1:] == [weights, history]
    assert outputs(label_smoothing=0.2)[1] != weights
    assert outputs(weight_decay=0.5)[1] != weights


def test_several_processes_write_the_same_bytes() -> None:
    alone = outputs()
    Path("params.yaml").write_text(json.dumps(sections()))
    for name in OUTPUTS:
        Path(name).unlink()
    told = torchrun_stage()
    assert [Path(name).read_bytes() for name in OUTPUTS] == alone
    assert told.count("solved in") == 1


def test_stopped_while_solving_it_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    mean_loss, calls = LinearProblem.mean_loss, []

    def fateful(self: LinearProblem, weights: Any) -> Any:
        calls.append(1)
        if len(calls) == 20:
            os.kill(os.getpid(), signal.SIGTERM)
        return mean_loss(self, weights)

    with monkeypatch.context() as patch:
        patch.setattr(LinearProblem, "mean_loss", fateful)
        with pytest.raises(Interrupted, match="stopped while solving"):
            outputs()
    assert len(calls) < 25
    assert not any(Path(name).exists() for name in OUTPUTS)
    first = outputs()
    assert outputs() == first


def test_weights_without_a_limit_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    write_prepared("single", Path("prepared"))  # the first value decides: a line parts the classes
    outputs(weight_decay=0.0)
    model, _ = load_model(Path("models"))
    assert all(bool(p.isfinite().all()) for p in model.parameters())
    assert "note: every row is told right, so weights without a limit" in capsys.readouterr().out
    outputs(weight_decay=0.001)
    assert "note" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("shape", "changes", "line"),
    [
        ((3, 8, 8), {}, "train.optimizer: exact is for tables, but the data is images; set prepare.flatten"),
        ((2049,), {}, "train.optimizer: exact solves up to 2,048 columns, but the data has 2,049; use adam"),
        ((4,), {"train": 1}, "train.weight_decay: auto needs two or more rows to train on; give a number"),
    ],
)
def test_data_that_it_is_not_for_is_refused(shape: Any, changes: dict[str, int], line: str) -> None:
    schema = schema_of(shape, counts={"train": 10, "val": 5, "test": 0} | changes)
    with pytest.raises(UserError) as caught:
        refuse_unfit(Params.model_validate(sections()), schema)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(line)


def test_the_canary_solves_too() -> None:
    model, schema = Model(kind="linear"), schema_of((4,))
    hashes = {
        canary.step_hash(model, Train(optimizer="exact", batch_size=size, weight_decay=decay), schema)
        for size, decay in ((1, "auto"), (32, "auto"), (32, 0.01))
    }
    assert len(hashes) == 2
    assert np.unique([len(found) for found in hashes]) == [64]
