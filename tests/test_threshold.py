"""The threshold of two classes: the best F1 beside scikit-learn's, and one decision by all who predict."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from predicting import by_name, same_as_evaluate, write_csv
from predicting import run as predicted
from sklearn.metrics import f1_score, precision_recall_curve
from tiny import rows_of, schema_of
from train_process import PARAMS

from reprise import cli
from reprise.evaluation.evaluate import Places as Judged
from reprise.evaluation.evaluate import evaluate
from reprise.export.export import export
from reprise.foundation.errors import UserError
from reprise.foundation.states import STATE_VARIABLE
from reprise.model.card import read_card
from reprise.model.inference import load_inference
from reprise.prepared.schema import SPLITS, Schema
from reprise.prepared.shards import Arrays, PreparedWriter, read_split
from reprise.settings.params import Evaluate, Mlp, Model, Params, Prepare, Train
from reprise.training.refusals import refuse_unfit
from reprise.training.run import Places, run
from reprise.training.threshold import best_f1

COUNTS = {"train": 60, "val": 700, "test": 50}  # more validation rows than are computed at a time
FILES = ("metrics.json", "details.json", "predictions.csv", "mistakes.csv")

# The choice

chances = st.one_of(st.integers(0, 8).map(lambda n: n / 8), st.integers(0, 10**9).map(lambda n: n / 1e9))
rows = st.lists(st.tuples(st.integers(0, 1), chances), min_size=1, max_size=40).filter(
    lambda pairs: any(one for one, _ in pairs)
)


def best_of_all(actual: np.ndarray, chance: np.ndarray) -> dict[float, float]:
    """F1 by threshold: every one that scikit-learn sees, and 0.5."""
    thresholds = [*precision_recall_curve(actual, chance)[2].tolist(), 0.5]
    return {t: f1_score(actual, chance >= t, zero_division=0) for t in thresholds}


@given(rows)
def test_no_threshold_is_better_and_none_as_good_is_nearer_to_a_half(pairs: Any) -> None:
    actual, chance = np.array([one for one, _ in pairs]), np.array([value for _, value in pairs])
    found, all_of_them = best_f1(actual, chance), best_of_all(actual, chance)
    best = max(all_of_them.values())
    assert all_of_them[found] == pytest.approx(best, abs=1e-12)
    equals = [t for t, f1 in all_of_them.items() if f1 == pytest.approx(best, abs=1e-12)]
    assert found == min(equals, key=lambda t: (abs(t - 0.5), -t))


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(pairs: Any, random: Any) -> None:
    shuffled = random.sample(pairs, len(pairs))
    one, other = (
        best_f1(np.array([y for y, _ in p]), np.array([c for _, c in p])) for p in (pairs, shuffled)
    )
    assert one == other


@pytest.mark.parametrize(
    ("actual", "chance", "threshold"),
    [
        ([0, 1], [0.2, 0.9], 0.5),  # as good as 0.9, and nearer
        ([0, 1, 1], [0.2, 0.3, 0.9], 0.3),
        ([0, 0, 1], [0.2, 0.7, 0.9], 0.9),
        ([1, 0, 0, 1], [0.75, 0.7, 0.6, 0.25], 0.75),  # F1 is 2/3 for both: of equally near ones the larger
        ([1, 1], [0.0, 0.0], 0.0),  # all rows
        ([1, 0], [1.0, 1.0], 0.5),
    ],
)
def test_ties(actual: list[int], chance: list[float], threshold: float) -> None:
    assert best_f1(np.array(actual), np.array(chance)) == threshold


# What is trained, judged, predicted


def write_prepared(folder: Path, classes: int = 2, counts: dict[str, int] | None = None) -> Schema:
    """Write rows whose class depends on the first value, but for some."""
    counts = counts or COUNTS
    schema = schema_of((5,), classes, counts=counts)
    parts = {split: rows_of(schema, counts[split], split) for split in SPLITS}
    for split in SPLITS:
        parts[split].y[::3] = 0
    if classes:
        numbers = {split: np.bincount(parts[split].y.numpy(), minlength=classes) for split in SPLITS}
        named = {
            split: dict(zip(schema.classes, found.tolist(), strict=True)) for split, found in numbers.items()
        }
        schema = schema.model_copy(update={"class_counts": named})
    with PreparedWriter(folder) as writer:
        for split in SPLITS:
            part = parts[split]
            writer.add(split, Arrays(part.x.numpy(), part.y.numpy(), np.arange(counts[split])))
        return writer.finish(schema)


def params_of(outputs: str = "per_class", **train: Any) -> Params:
    return Params(
        prepare=Prepare(**PARAMS["prepare"]),
        model=Model(kind="mlp", outputs=outputs, mlp=Mlp(hidden=(6,))),
        train=Train(**{"epochs": 2, "batch_size": 16, "slices": 3, **train}),
        evaluate=Evaluate(),
    )


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judged:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return Judged(tmp_path / "prepared", tmp_path / "models", tmp_path / "metrics")


def trained(places: Judged, params: Params, workers: int = 1) -> dict[str, bytes]:
    """Train and judge; return all that was written."""
    run(params, Places(places.prepared, places.model, places.metrics), "cpu", workers)
    evaluate(params.evaluate, places, "cpu", workers)
    found = (path for folder in (places.model, places.metrics) for path in folder.rglob("*"))
    return {path.name: path.read_bytes() for path in found if path.is_file()}


def of_split(places: Judged, schema: Schema, split: Any) -> tuple[np.ndarray, np.ndarray]:
    """Classes and probabilities of the second class."""
    inference, stored = load_inference(places.model, "cpu"), read_split(places.prepared, schema, split)
    return stored.y, inference.probabilities(next(iter(inference.outputs([stored.x]))))[:, 1]


@pytest.mark.parametrize("numerics", ["portable", "native"])
@pytest.mark.parametrize("outputs", ["per_class", "single"])
def test_all_who_predict_apply_the_best_threshold_on_validation(
    outputs: str, numerics: str, places: Judged, tmp_path: Path
) -> None:
    schema = write_prepared(places.prepared)
    trained(places, params_of(outputs, threshold="best_f1", numerics=numerics))
    threshold = read_card(places.model).threshold
    all_of_them = best_of_all(*of_split(places, schema, "val"))
    assert threshold is not None
    assert threshold != 0.5
    assert all_of_them[threshold] == max(all_of_them.values()) > all_of_them[0.5]

    actual, chance = of_split(places, schema, "test")
    decided = chance >= threshold
    assert (decided != (chance > 0.5)).any()
    report = json.loads((places.metrics / "details.json").read_text(encoding="utf-8"))
    assert report["threshold"] == threshold
    assert report["test"]["f1"] == pytest.approx(f1_score(actual, decided), abs=1e-12)
    with (places.metrics / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        guesses = [row["predicted"] for row in csv.DictReader(stream)]
    assert guesses == [schema.classes[int(one)] for one in decided]
    with (places.metrics / "mistakes.csv").open(encoding="utf-8", newline="") as stream:
        wrong = {int(row["row"]) for row in csv.DictReader(stream)}
    assert wrong == set(np.flatnonzero(decided != actual).tolist())

    x = read_split(places.prepared, schema, "test").x.astype(np.float64)
    source = write_csv(tmp_path / "x.csv", by_name(schema, x))
    found = predicted(places, source)
    assert [row["predicted"] for row in found] == guesses
    same_as_evaluate(places, found, [schema.classes[number] for number in actual], schema)
    lines = predicted(places, source, ending=".jsonl")
    assert [row["predicted"] for row in lines] == guesses


def test_a_number_is_taken_as_it_is_and_told(places: Judged, capsys: pytest.CaptureFixture[str]) -> None:
    schema = write_prepared(places.prepared, counts={**COUNTS, "val": 0})
    trained(places, params_of(threshold=0.4))
    assert read_card(places.model).threshold == 0.4
    actual, chance = of_split(places, schema, "test")
    report = json.loads((places.metrics / "details.json").read_text(encoding="utf-8"))
    assert report["threshold"] == 0.4
    assert report["test"]["accuracy"] == np.mean((chance >= 0.4) == actual)
    told = capsys.readouterr().out
    assert "\nclass 'class 1' is predicted from probability 0.4 on\n" in told
    cli.run(["inspect", f"{places.model}", "--metrics", f"{places.metrics}/metrics.json"])
    assert "class 'class 1' is predicted from probability 0.4 on\n" in capsys.readouterr().out


def test_the_defaults_leave_no_trace(places: Judged) -> None:
    """So what was trained before these settings came has the bytes of what is trained now."""
    write_prepared(places.prepared)
    files = trained(places, params_of())
    card, report = (json.loads(files[name]) for name in ("model.json", "metrics.json"))
    assert "threshold" not in card
    assert {"threshold", "class_weights"}.isdisjoint(card["train"])
    assert "threshold" not in report


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_no_byte(workers: int, places: Judged, tmp_path: Path) -> None:
    write_prepared(places.prepared)
    params = params_of(class_weights="balanced", threshold="best_f1", label_smoothing=0.1)
    alone = trained(places, params)
    assert json.loads(alone["model.json"])["train"]["class_weights"] == "balanced"
    other = Judged(places.prepared, tmp_path / "other models", tmp_path / "other metrics")
    assert trained(other, params, workers) == alone
    plain = Judged(places.prepared, tmp_path / "plain models", tmp_path / "plain metrics")
    assert trained(plain, params_of(label_smoothing=0.1))["model.safetensors"] != alone["model.safetensors"]


def test_an_export_names_the_threshold_and_keeps_probabilities(places: Judged, tmp_path: Path) -> None:
    import onnx

    write_prepared(places.prepared)
    facts = []
    for threshold in (0.5, 0.25):
        run(params_of(threshold=threshold), Places(places.prepared, places.model, places.metrics), "cpu", 1)
        output = tmp_path / f"{threshold}.onnx"
        assert export(places.model, places.prepared, "onnx", output).outputs == "probabilities"
        entries = {entry.key: entry.value for entry in onnx.load(output).metadata_props}
        facts.append(json.loads(entries["reprise"]))
    assert "threshold" not in facts[0]
    assert facts[1] == {**facts[0], "threshold": 0.25}


# Refused


@pytest.mark.parametrize(
    ("classes", "counts", "train", "line"),
    [
        (3, COUNTS, {"threshold": "best_f1"},
         "train.threshold: is for two classes, but the data has 3 classes; set it to 0.5"),
        (0, COUNTS, {"threshold": 0.3},
         "train.threshold: is for two classes, but the data has a number for a target; set it to 0.5"),
        (2, {**COUNTS, "val": 0}, {"threshold": "best_f1"},
         "train.threshold: best_f1 needs a validation split, but the data has none; set it to 0.5"),
        (2, {**COUNTS, "val": 1}, {"threshold": "best_f1"},
         "train.threshold: best_f1 needs rows of class 'class 1' in the validation split, which has none; "
         "raise prepare.split.val or set it to 0.5"),
        (0, COUNTS, {"class_weights": "balanced"},
         "train.class_weights: is for classes, but the target is a number; set it to none"),
    ],
)  # fmt: skip
def test_what_the_data_has_no_use_for_is_refused(
    classes: int, counts: Any, train: Any, line: str, tmp_path: Path
) -> None:
    schema = write_prepared(tmp_path, classes, counts)
    with pytest.raises(UserError) as caught:
        refuse_unfit(params_of(**train), schema)
    assert caught.value.problems == (line,)
