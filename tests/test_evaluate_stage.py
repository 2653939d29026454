"""The evaluate stage as a whole: its files, its figures, its refusals."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from sklearn import metrics as oracle
from trained import LEAVES, images, labels, table, write_model, write_prepared

from reprise.evaluation import evaluate as evaluation
from reprise.evaluation.evaluate import Others, Places, evaluate
from reprise.evaluation.files import DETAILS, TREES
from reprise.foundation.errors import UserError
from reprise.model.card import CARD, WEIGHTS
from reprise.model.file import load_model
from reprise.prepared.schema import Statistics
from reprise.prepared.shards import read_split
from reprise.settings.params import Bar, Evaluate, Train

FILES = (
    "metrics.json", "details.json", "predictions.csv", "mistakes.csv", "plots/roc.csv", "plots/importance.csv"
)  # fmt: skip
BARE = "prepare: {}\nmodel: {}\ntrain: {}\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def logits(places: Places, schema) -> np.ndarray:
    module, _ = load_model(places.model)
    with torch.no_grad():
        return module(torch.from_numpy(read_split(places.prepared, schema, "test").x)).numpy()


def test_known_figures_of_simpler_models_change_no_byte(places: Places, tmp_path: Path) -> None:
    schema = write_prepared(places.prepared, table(120), labels(120, 3), classes=LEAVES, test=40)
    write_model(places.model, schema)
    verdict = evaluate(Evaluate(), places, "cpu", 1)
    again = replace(places, metrics=tmp_path / "again")
    evaluate(Evaluate(), again, "cpu", 1, simpler=Others(verdict.baselines, verdict.trees))
    for name in (*FILES, TREES):
        assert (again.metrics / name).read_bytes() == (places.metrics / name).read_bytes()


def test_classification_files_agree_with_scikit_learn(places):
    y = labels(250, 3)
    schema = write_prepared(places.prepared, table(250), y, classes=LEAVES, test=100)
    write_model(places.model, schema)
    evaluate(Evaluate(batch_size=30), places, "cpu", 2)

    report = json.loads((places.metrics / "details.json").read_text(encoding="utf-8"))
    outputs, actual = logits(places, schema).astype(np.float64), y[150:]
    predicted = outputs.argmax(axis=1)
    assert (report["rows"], report["task"], report["test_rows_are"]) == (100, "classification", "held out")
    assert report["test"]["accuracy"] == oracle.accuracy_score(actual, predicted)
    expected = oracle.log_loss(actual, softmax(outputs, axis=1), labels=[0, 1, 2])
    assert report["test"]["log_loss"] == pytest.approx(expected, rel=1e-6)
    assert report["test"]["macro_f1"] == pytest.approx(
        oracle.f1_score(actual, predicted, average="macro", zero_division=0), abs=1e-12
    )
    assert set(report["classes"]) == set(LEAVES)

    rows = rows_of(places.metrics / "predictions.csv")
    assert [row["actual"] for row in rows] == [LEAVES[number] for number in actual]
    assert [row["predicted"] for row in rows] == [LEAVES[number] for number in predicted]
    assert set(rows[0]) == {"row", "actual", "predicted", "probability_of_actual"}


def test_mistakes_are_ranked_by_the_probability_of_the_wrong_class(places):
    y = labels(400, 3)
    schema = write_prepared(places.prepared, table(400), y, classes=LEAVES)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 1)

    chance = np.exp(log_softmax(logits(places, schema).astype(np.float64), axis=1))
    wrong = np.flatnonzero(chance.argmax(axis=1) != y)
    order = wrong[np.argsort(-chance[wrong].max(axis=1), kind="stable")]
    rows = rows_of(places.metrics / "mistakes.csv")
    assert len(wrong) > 100
    assert len(rows) == 100
    assert [int(row["row"]) for row in rows] == order[:100].tolist()
    for column, places_of in (("actual", y[order[:100]]), ("predicted", chance[order[:100]].argmax(axis=1))):
        assert [float(row[f"probability_of_{column}"]) for row in rows] == pytest.approx(
            chance[order[:100], places_of], abs=1e-6
        )


@pytest.mark.parametrize("outputs", ["per_class", "single"])
def test_two_classes_get_f1_and_auc(places, outputs):
    y = labels(90, 2)
    schema = write_prepared(places.prepared, table(90), y, classes=("no", "yes"))
    write_model(places.model, schema, outputs=outputs)
    found = evaluate(Evaluate(), places, "cpu", 1).test

    raw = logits(places, schema).astype(np.float64)
    margin = raw[:, 0] if outputs == "single" else raw[:, 1] - raw[:, 0]
    chance = 1 / (1 + np.exp(-margin))
    assert found["f1"] == pytest.approx(oracle.f1_score(y, margin > 0, zero_division=0), abs=1e-12)
    assert found["roc_auc"] == pytest.approx(oracle.roc_auc_score(y, chance), abs=1e-12)
    assert found["log_loss"] == pytest.approx(oracle.log_loss(y, chance), rel=1e-6)


def test_regression_is_judged_in_the_targets_own_unit(places):
    x = table(80)
    y = (x @ np.array([3.0, 0.2, 0.1, 0.01]) + 1000).astype(np.float32)
    scale = Statistics(mean=(1000.0,), std=(7.0,))
    schema = write_prepared(places.prepared, x, y, test=30, target_scale=scale)
    write_model(places.model, schema)
    found = evaluate(Evaluate(batch_size=7), places, "cpu", 1)

    predicted = logits(places, schema)[:, 0] * 7.0 + 1000.0
    actual = y[50:]
    assert found.test["mse"] == pytest.approx(oracle.mean_squared_error(actual, predicted), rel=1e-5)
    assert found.test["r2"] == pytest.approx(oracle.r2_score(actual, predicted), rel=1e-5)
    assert set(found.test) == {
        "mse",
        "rmse",
        "mae",
        "median_absolute_error",
        "r2",
    }  # there are no validation rows
    assert found.test["mse"] in found.intervals["mse"]
    rows = rows_of(places.metrics / "predictions.csv")
    assert [float(row["actual"]) for row in rows] == actual.tolist()
    assert [float(row["predicted"]) for row in rows] == pytest.approx(predicted, rel=1e-6)
    gaps = [float(row["predicted"]) - float(row["actual"]) for row in rows]
    assert [float(row["residual"]) for row in rows] == gaps
    worst = rows_of(places.metrics / "mistakes.csv")[0]
    assert int(worst["row"]) == 50 + np.abs(predicted - actual).argmax()


def test_metrics_say_when_the_test_rows_were_trained_on(places):
    schema = write_prepared(places.prepared, table(20), labels(20, 3), classes=LEAVES, test_is_train=True)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 1)
    report = json.loads((places.metrics / "details.json").read_text(encoding="utf-8"))
    assert report["test_rows_are"] == "the training rows"


def test_images_are_normalised_as_in_training(places):
    x = images(60, (2, 5, 5))
    schema = write_prepared(places.prepared, x, labels(60, 3), classes=LEAVES)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 1)

    mean, std = (np.array(v, np.float32).reshape(2, 1, 1) for v in (schema.inputs.mean, schema.inputs.std))
    module, _ = load_model(places.model)
    outputs = module(torch.from_numpy((x.astype(np.float32) - mean) / std)).numpy()
    found = [row["predicted"] for row in rows_of(places.metrics / "predictions.csv")]
    assert found == [LEAVES[number] for number in outputs.argmax(axis=1)]


def test_workers_and_repetition_change_no_byte(places):
    schema = write_prepared(places.prepared, table(500), labels(500, 3), classes=LEAVES)
    write_model(places.model, schema)
    seen = []
    for workers in (1, 4, 4):
        evaluate(Evaluate(batch_size=16), places, "cpu", workers)
        seen.append([(places.metrics / name).read_bytes() for name in FILES])
    assert seen[0] == seen[1] == seen[2]


def test_without_baselines_only_the_test_split_is_read(places):
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES, test=10)
    write_model(places.model, schema)
    (places.prepared / "train-00000.safetensors").unlink()
    assert evaluate(Evaluate(baselines="none"), places, "cpu", 1).test["accuracy"] >= 0


def test_a_bar_that_is_missed_is_recorded_and_fails_nothing(places):
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES)
    write_model(places.model, schema)
    verdict = evaluate(Evaluate(bar=Bar(at_least=1.0)), places, "cpu", 1)
    assert verdict.bar is not None
    assert not verdict.bar.met
    assert re.fullmatch(r"accuracy .* is below at_least 1\.0", verdict.bar.told)
    assert json.loads((places.metrics / DETAILS).read_text())["bar"] == verdict.bar._asdict()
    found = {path.name for path in places.metrics.iterdir()}
    assert found == {*(name.split("/")[0] for name in FILES), "trees.json"}


def test_torchs_own_forward_pass_waits_for_the_simpler_models(places, monkeypatch):
    # These follow a network with torch.fx, which takes part in every call of a module meanwhile.
    found = evaluation._others
    ended = []

    def slowly(*arguments):
        time.sleep(0.3)
        others = found(*arguments)
        ended.append(True)
        return others

    def outputs(*arguments):
        assert ended
        return judged(*arguments)

    judged = evaluation._outputs
    monkeypatch.setattr(evaluation, "_others", slowly)
    monkeypatch.setattr(evaluation, "_outputs", outputs)
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES)
    write_model(places.model, schema, train=Train(numerics="native"))
    evaluate(Evaluate(baselines="portable"), places, "cpu", 2)


def test_data_of_another_kind_is_refused(places, tmp_path):
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES)
    other = write_prepared(tmp_path / "other", table(40) + 1, labels(40, 3), classes=LEAVES)
    write_model(places.model, other)
    with pytest.raises(UserError, match=r"other data .*\(inputs differs\)"):
        evaluate(Evaluate(), places, "cpu", 1)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 1)


def test_outputs_that_are_not_finite_are_refused(places):
    schema = write_prepared(places.prepared, np.zeros((5, 4)), labels(5, 3), classes=LEAVES)
    card = write_model(places.model, schema)
    module, _ = load_model(places.model)
    module[-1].bias.data[0] = float("nan")
    from reprise.model.file import save_model

    save_model(places.model, module, card)
    with pytest.raises(UserError, match="not finite for 5 test rows"):
        evaluate(Evaluate(), places, "cpu", 1)
    assert not places.metrics.exists()


def test_an_empty_test_split_is_refused(places):
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES, test=0)
    write_model(places.model, schema)
    with pytest.raises(UserError, match="test split is empty"):
        evaluate(Evaluate(), places, "cpu", 1)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_damaged_model_is_refused(places, name):
    schema = write_prepared(places.prepared, table(40), labels(40, 3), classes=LEAVES)
    write_model(places.model, schema)
    path = places.model / name
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=name):
        evaluate(Evaluate(), places, "cpu", 1)
    path.unlink()
    with pytest.raises(UserError, match="no such file; run the train stage"):
        evaluate(Evaluate(), places, "cpu", 1)


def stage(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stages.evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        cwd=Path(__file__).parent.parent,
        check=False,
    )


def test_what_the_environment_says_to_other_libraries_changes_no_byte(places, tmp_path):
    schema = write_prepared(places.prepared, table(64), labels(64, 3), classes=LEAVES)
    write_model(places.model, schema)
    evaluate(Evaluate(), places, "cpu", 1)
    expected = [(places.metrics / name).read_bytes() for name in FILES]

    params = tmp_path / "params.yaml"
    params.write_text(BARE + "evaluate: {bar: {at_least: 1.0}}\n", encoding="utf-8")
    done = stage(
        "--params", params, "--prepared", places.prepared, "--model", places.model,
        "--metrics", places.metrics, MKL_CBWR="AVX512", OMP_NUM_THREADS="2",
        ATEN_CPU_CAPABILITY="default",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nbar MISSED: accuracy " in done.stdout
    bar = json.loads((places.metrics / DETAILS).read_text()).pop("bar")
    assert (bar["met"], bar["told"].split(" is ")[1]) == (False, "below at_least 1.0")
    unlike = [
        name
        for name, before in zip(FILES, expected, strict=True)
        if (places.metrics / name).read_bytes() != before
    ]
    assert unlike == [DETAILS]


def test_a_missing_model_is_one_line_and_needs_no_torch(tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text(BARE + "evaluate: {}\n", encoding="utf-8")
    done = stage("--params", params, "--model", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{tmp_path}/none/model.json: no such file; run the train stage (dvc repro)\n"
