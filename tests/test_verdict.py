"""What an evaluation says in words: the figures, the simpler models, where a metric means little."""

from __future__ import annotations

import json

import numpy as np
import pytest
from trained import LEAVES, labels, table, write_model, write_prepared

from reprise.evaluation.coverage import covered, half_width
from reprise.evaluation.evaluate import Places, evaluate
from reprise.foundation import seeds
from reprise.settings.params import Evaluate


@pytest.fixture
def places(tmp_path) -> Places:
    return Places(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


def judged(places: Places, x: np.ndarray, y: np.ndarray, params: Evaluate | None = None, **data):
    """Judge an untrained model; return the verdict and details.json."""
    schema = write_prepared(places.prepared, x, y, **data)
    write_model(places.model, schema)
    verdict = evaluate(params or Evaluate(), places, "cpu", 1)
    return verdict, json.loads((places.metrics / "details.json").read_text(encoding="utf-8"))


def test_an_absent_class_few_rows_and_a_dominant_class_are_noted(places, capsys):
    y = np.array([0] * 60 + [1, 2] * 10 + [0] * 24 + [1])
    _, details = judged(places, table(105), y, classes=LEAVES, test=25)
    assert details["notes"] == [
        "25 test rows are few: with others the figures could be far from these; reprise folds tests all",
        "no test row is of class 'plain', which is not judged; means over classes leave them out",
        "96.0 % of the test rows are 'leaf, long': accuracy says little; "
        "look at balanced_accuracy and pr_auc",
    ]
    assert "note: 96.0 % of the test rows" in capsys.readouterr().out


def test_enough_rows_of_every_class_need_no_note(places):
    _, details = judged(places, table(200), labels(200, 3), classes=LEAVES, test=100)
    assert details["notes"] == []


def test_one_row_has_neither_r2_nor_an_interval(places):
    verdict, details = judged(places, table(50), table(50)[:, 0], test=1)
    assert "r2" not in verdict.test
    assert verdict.intervals == {}
    assert details["notes"][0].startswith("1 test row is few: ")
    assert details["notes"][-1] == "every test row has the same target: r2 is not defined and left out"


def test_a_model_that_learnt_nothing_is_called_so(places, capsys):
    x = table(300)
    y = (x[:, 0] > 0.2).astype(int)
    verdict, _ = judged(places, x, np.where(y, 1, labels(300, 2)), classes=LEAVES[:2], test=100)
    out = capsys.readouterr().out
    lines = out.split("accuracy beside simpler models:\n")[1].splitlines()
    reached = {
        baseline.name: baseline.metrics["accuracy"] for baseline in (*verdict.baselines, verdict.trees)
    }
    assert [float(line.split()[-1]) for line in lines[:4]] == pytest.approx(
        sorted([*reached.values(), verdict.test["accuracy"]], reverse=True), abs=1e-4
    )
    assert ("has learnt nothing" in out) == (reached["majority class"] >= verdict.test["accuracy"])
    assert ("logistic regression does better" in out) or ("has learnt nothing" in out)


def test_baselines_are_skipped_on_demand(places, capsys):
    x, y = table(120), labels(120, 2)
    _, every = judged(places, x, y, classes=LEAVES[:2], test=40)
    assert [baseline["key"] for baseline in every["baselines"]] == ["majority", "logistic"]
    assert json.loads((places.metrics / "trees.json").read_text())["key"] == "boosting"
    _, details = judged(places, x, y, Evaluate(baselines="portable"), classes=LEAVES[:2], test=40)
    assert [baseline["key"] for baseline in details["baselines"]] == ["majority", "logistic"]
    assert not (places.metrics / "trees.json").exists()
    capsys.readouterr()
    _, details = judged(places, x, y, Evaluate(baselines="none"), classes=LEAVES[:2], test=40)
    assert details["baselines"] == []
    assert "simpler" not in capsys.readouterr().out
    metrics = json.loads((places.metrics / "metrics.json").read_text())
    assert metrics["baselines"] == {}


def test_the_headline_is_a_dozen_numbers(places):
    judged(places, table(120), labels(120, 3), classes=LEAVES, test=40)
    metrics = json.loads((places.metrics / "metrics.json").read_text())
    assert set(metrics) == {"test", "baselines", "rows"}
    numbers = [*metrics["test"].values(), *metrics["baselines"].values(), metrics["rows"]]
    assert all(isinstance(number, int | float) for number in numbers)
    assert len(numbers) <= 13
    assert metrics["test"]["accuracy_low"] < metrics["test"]["accuracy"] < metrics["test"]["accuracy_high"]


@pytest.mark.parametrize(("rows", "confidence"), [(500, 0.9), (19, 0.95), (40, 0.8)])
def test_prediction_intervals_hold_as_often_as_they_say(rows, confidence):
    """Vovk et al. (2005): between `confidence` and `confidence` + 1 / (rows + 1) of new rows, on average."""
    shares = []
    for trial in range(300):
        noise = seeds.uniform(rows + 200, trial, "test", "residuals") - 0.5
        width = half_width(noise[:rows], confidence)
        assert width is not None
        shares.append(covered(noise[rows:], width) / 200)
    assert confidence - 0.02 < np.mean(shares) < confidence + 1 / (rows + 1) + 0.02


def test_too_few_rows_say_nothing_about_new_ones():
    assert half_width(np.ones(18), 0.95) is None
    assert half_width(np.zeros(0), 0.95) is None
    assert half_width(np.arange(19.0), 0.95) == 18.0
