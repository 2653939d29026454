"""`reprise export`: other programs get the same answers from raw values, and the same bytes every time."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from trained import LEAVES, images, labels, table, write_model, write_prepared

from reprise.evaluation.evaluate import Places, evaluate
from reprise.export import export as exporting
from reprise.export.export import export
from reprise.foundation.errors import EnvironmentProblem
from reprise.model.inference import load_inference
from reprise.prepared.schema import Statistics
from reprise.settings.params import Cnn, Evaluate, Mlp


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


def run_onnx(path: Path, x: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(None, {"x": x})[0]


def run_torch(path: Path, x: np.ndarray) -> np.ndarray:
    return torch.export.load(path).module()(torch.from_numpy(x)).detach().numpy()


RUN = {"onnx": run_onnx, "torch": run_torch}


def expected(places: Places, stored: np.ndarray) -> np.ndarray:
    inference = load_inference(places.model, "cpu")
    return inference.probabilities(next(iter(inference.outputs([stored]))))


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize(
    "model",
    [
        {"kind": "cnn", "cnn": Cnn(channels=(4, 8), strides=(2, 1), padding=1, batch_norm=True, dropout=0.3)},
        {"kind": "resnet18"},
    ],
    ids=["cnn", "resnet18"],
)
def test_image_models_take_raw_pixels(places, tmp_path, form, model):
    x = images(20, (3, 8, 8))
    schema = write_prepared(places.prepared, x, labels(20, 3), classes=LEAVES)
    write_model(places.model, schema, **model)
    output = tmp_path / "exported"
    done = export(places.model, places.prepared, form, output)
    assert (done.rows, done.kind, done.outputs) == (20, "test rows", "probabilities")
    assert done.difference < 1e-5
    for rows in (1, 7, 20):
        assert RUN[form](output, x[:rows]) == pytest.approx(expected(places, x[:rows]), abs=1e-5)


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "gelu"])
def test_table_models_take_raw_columns(places, tmp_path, form, activation):
    x = table(30) + np.array([0, 0, 1e9, 0])  # 32 bits would lose what varies in the third column
    schema = write_prepared(places.prepared, x, labels(30, 2), classes=("no", "yes"))
    write_model(
        places.model, schema, outputs="single", mlp=Mlp(hidden=(8,), activation=activation, dropout=0.1)
    )
    output = tmp_path / "exported"
    export(places.model, places.prepared, form, output)
    from reprise.data import normalise

    stored = normalise.apply(x, schema.inputs)
    found = RUN[form](output, x)
    assert found.shape == (30, 2)
    assert found == pytest.approx(expected(places, stored), abs=1e-6)


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_a_regression_answers_in_the_targets_own_unit(places, tmp_path, form):
    x = table(30)
    scale = Statistics(mean=(1000.0,), std=(7.0,))
    schema = write_prepared(places.prepared, x, x[:, 0] + 1000, target_scale=scale)
    write_model(places.model, schema, kind="linear")
    output = tmp_path / "exported"
    assert export(places.model, places.prepared, form, output).outputs == "value"
    rows = evaluate(Evaluate(), places, "cpu", 1).predictions.rows
    assert RUN[form](output, x) == pytest.approx([row[2] for row in rows], rel=1e-6)


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_the_bytes_hold_no_time_no_place_and_no_pickle(places, tmp_path, form):
    schema = write_prepared(places.prepared, table(9), labels(9, 3), classes=LEAVES)
    card = write_model(places.model, schema)
    first, second = tmp_path / "first", tmp_path / "second.file"
    export(places.model, places.prepared, form, first)
    done = export(places.model, tmp_path / "nowhere", form, second)
    assert done.kind.startswith("random rows")
    data = first.read_bytes()
    assert data == second.read_bytes()
    for place in (str(Path(__file__).parent.parent), str(tmp_path), "site-packages"):
        assert place.encode() not in data
    if form == "onnx":
        model = onnx.load(first)
        onnx.checker.check_model(model, full_check=True)
        facts = {entry.key: entry.value for entry in model.metadata_props}["reprise"]
    else:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inputs = [name for name in archive.namelist() if "sample_inputs" in name]
            assert [archive.getinfo(name).file_size for name in inputs] == [0] * len(inputs)
            facts = archive.read(next(n for n in archive.namelist() if n.endswith("extra/reprise"))).decode()
    assert json.loads(facts)["classes"] == list(LEAVES)
    assert json.loads(facts)["weights_sha256"] == card.weights_sha256


def test_a_model_that_computes_something_else_is_not_written(places, tmp_path, monkeypatch):
    schema = write_prepared(places.prepared, table(9), labels(9, 3), classes=LEAVES)
    write_model(places.model, schema)
    monkeypatch.setattr(exporting, "runner", lambda *_: lambda x: np.full((len(x), 3), 1 / 3, np.float32))
    with pytest.raises(EnvironmentProblem, match="nothing was written"):
        export(places.model, places.prepared, "torch", tmp_path / "exported")
    monkeypatch.setattr(exporting, "runner", lambda *_: lambda x: np.full((len(x), 3), np.nan, np.float32))
    with pytest.raises(EnvironmentProblem, match="differs by nan"):
        export(places.model, places.prepared, "torch", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
