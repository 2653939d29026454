"""A linear model that answers along with networks: its share, the model file, resume, and what it is for."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from test_guard import write_prepared
from tiny import schema_of

from reprise.arithmetic.table_layers import Answer, Members
from reprise.foundation.errors import Interrupted
from reprise.foundation.states import STATE_VARIABLE
from reprise.model.bag import Bag
from reprise.model.file import load_model
from reprise.model.inference import PortableProgram
from reprise.model.losses import class_probabilities
from reprise.model.tensors import load_rows
from reprise.prepared.shards import Arrays, PreparedWriter, read_schema
from reprise.settings.params import Params
from reprise.training import exact
from reprise.training.blend import SHARES, best_share
from reprise.training.display import Display
from reprise.training.run import Places, run

OUTPUTS = ("models/model.json", "models/model.safetensors", "metrics/history.csv")
PLACES = Places(Path("prepared"), Path("models"), Path("metrics"))


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATE_VARIABLE, "state")


def params(**train: Any) -> Params:
    model = {"kind": "tabm", "tabm": {"members": 2, "hidden": [6]}}
    settings = {"epochs": 3, "batch_size": 16, "lr": 0.01, **train}
    return Params.model_validate(
        {"prepare": {"dataset": "iris"}, "model": model, "train": settings, "evaluate": {}}
    )


def outputs(workers: int = 1, **train: Any) -> list[bytes]:
    """Run the stage and return what it wrote."""
    run(params(**train), PLACES, "cpu", workers)
    return [Path(name).read_bytes() for name in OUTPUTS]


def share() -> float:
    module, _ = load_model(Path("models"))
    assert isinstance(module, Bag)
    return float(module.answer.weight[-1])


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("kind", ["classes", "values"])
def test_network_and_linear_model_answer_together(
    kind: str, folds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write_prepared(kind, Path("prepared"))
    outputs(folds=folds, blend="average")
    assert "blended: a linear model counts 50%, weight decay " in capsys.readouterr().out
    module, card = load_model(Path("models"))
    assert isinstance(module, Bag)
    assert module.answer.weight.tolist() == pytest.approx([0.5 / folds] * folds + [0.5])
    rows = load_rows(Path("prepared"), card.data, "test", torch.device("cpu"))
    found = PortableProgram(module, card.data.shape).outputs(rows.x, rows.normalise)
    each = [network(rows.x) for network in module.networks]
    if kind == "values":
        each = [one.clamp(*module.answer.range.tolist()) for one in each]
    else:
        found, each = class_probabilities(found), [class_probabilities(one) for one in each]
    expected = 0.5 * torch.stack(each[:-1]).mean(0) + 0.5 * each[-1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def linear_data(noise: float, columns: int = 5) -> None:
    """Rows of which a linear model knows all, and three epochs of a network little."""
    random = np.random.default_rng(1)
    counts = {"train": 120, "val": 110, "test": 200}
    weights = np.concatenate([random.normal(size=5), np.zeros(columns - 5)])
    with PreparedWriter(Path("prepared")) as writer:
        for split, count in counts.items():
            x = random.normal(size=(count, columns)).astype(np.float32)
            y = (x @ weights + noise * random.normal(size=count)).astype(np.float32)
            writer.add(split, Arrays(x, y, np.arange(count)))  # type: ignore[arg-type]
        writer.finish(schema_of((columns,), 0, counts=counts))


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("columns", [5, 300])  # 300: more than rows
def test_on_linear_data_the_linear_model_is_taken_and_is_the_ridge(columns: int, folds: int) -> None:
    linear_data(0.1, columns)
    outputs(folds=folds, blend="auto")
    assert share() >= (1.0 if columns == 5 else 0.75)
    module, card = load_model(Path("models"))
    assert isinstance(module, Bag)
    splits = [load_rows(Path("prepared"), card.data, name, torch.device("cpu")) for name in ("train", "val")]
    x = np.concatenate([rows.x.numpy() for rows in splits[: min(folds, 2)]])
    y = np.concatenate([rows.y.numpy() for rows in splits[: min(folds, 2)]])
    layer = exact.layer_of(module.networks[-1])
    errors = {
        decay: np.abs(Ridge(decay * len(x) / 2).fit(x, y).coef_ - layer.weight.numpy()[0]).max()
        for decay in exact.WEIGHT_DECAYS
    }
    assert min(errors.values()) < 1e-5


def test_the_share_has_the_least_loss_of_all() -> None:
    y = torch.linspace(-1.0, 1.0, 40)
    first, second = y + 0.3, y - 0.1  # 0.3 (1 - s) = 0.1 s at s = 0.75
    answer = Members(2, 1, Answer.VALUES)
    assert best_share(torch.stack([first, second], dim=1), y, answer) == 0.75
    classes = torch.arange(40) % 2
    right = torch.stack([1.0 - classes, classes], dim=1).float() * 4
    wrong = right.flip(1)
    answer = Members(2, 2, Answer.CLASSES)
    assert best_share(torch.cat([right, wrong], dim=1), classes, answer) == SHARES[0]
    assert best_share(torch.cat([wrong, right], dim=1), classes, answer) == SHARES[-1]


def test_workers_and_a_kill_change_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    write_prepared("classes", Path("prepared"))
    whole = outputs(folds=3, blend="auto")
    assert outputs(workers=3, folds=3, blend="auto") == whole
    for name in OUTPUTS:
        Path(name).unlink()
    report, steps = Display.report, []

    def stop_late(self: Display, done: int, total: int, row: Any) -> None:
        report(self, done, total, row)
        steps.append(done)
        if done == total - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(Display, "report", stop_late)
        with pytest.raises(Interrupted):
            outputs(folds=3, blend="auto")
    assert not Path("models/model.json").exists()
    assert outputs(folds=3, blend="auto") == whole


def test_too_many_columns_leave_the_networks_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_prepared("classes", Path("prepared"))
    monkeypatch.setattr("reprise.training.blend.MOST_COLUMNS", 1)
    outputs(blend="auto")
    columns = read_schema(Path("prepared")).shape[0]
    assert (
        f"note: train.blend: a linear model is solved for up to 1 columns, but the data has {columns}; "
        "the networks answer alone"
    ) in capsys.readouterr().out
    assert share() == 0.0


def test_without_a_blend_model_json_does_not_know_of_it() -> None:
    write_prepared("classes", Path("prepared"))
    outputs()
    assert "blend" not in json.loads(Path("models/model.json").read_text())["train"]
