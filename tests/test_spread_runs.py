"""What the runs of a spread are, where they are kept, and their table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reprise.evaluation.advice import advice
from reprise.foundation.errors import UserError
from reprise.prepared.schema import Schema
from reprise.settings.params import Csv, Evaluate, Model, Params, Prepare, Train
from reprise.settings.params_file import read_params
from reprise.spread import table
from reprise.spread.layout import aligned, markdown
from reprise.spread.runs import ORDER, fold_runs, seed_runs

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path for path in (ROOT / "recipes").glob("*.yaml") if path.stem != "dvc")
RUNS = {"1": {"log_loss": 0.5, "accuracy": 0.9}, "2": {"log_loss": 0.25, "accuracy": 0.8, "roc_auc": 0.7}}


def with_defaults(prepare: Prepare) -> Params:
    return Params(prepare=prepare, model=Model(), train=Train(), evaluate=Evaluate())


def test_the_figures_are_numpys():
    values = np.random.default_rng(0).normal(size=7)
    found = table.summaries([{"log_loss": value} for value in values.tolist()])["log_loss"]
    assert found == pytest.approx((values.mean(), values.std(ddof=1), values.min(), values.max()))
    assert table.summaries([{"log_loss": 2.0}])["log_loss"] == (2.0, 0.0, 2.0, 2.0)


def test_a_row_for_each_run_then_the_figures():
    made = table.cells("seed", RUNS)
    assert [row[0] for row in made] == ["seed", "1", "2", "mean", "sd", "min", "max"]
    assert made[0] == ["seed", "accuracy", "roc_auc", "log_loss"]
    assert made[1] == ["1", "0.9000", "-", "0.5000"]
    assert made[3] == ["mean", "0.8500", "0.7000", "0.3750"]
    assert made[4] == ["sd", "0.0707", "0.0000", "0.1768"]
    assert aligned(made).splitlines()[1] == "1       0.9000        -    0.5000"
    assert markdown(made).splitlines()[:3] == [
        "| seed | accuracy | roc_auc | log_loss |",
        "|---|---:|---:|---:|",
        "| 1 | 0.9000 | - | 0.5000 |",
    ]


def test_large_and_small_figures_keep_four_digits():
    made = table.cells("fold", {"1": {"rmse": 123456.7, "log_loss": 0.00012341}})
    assert made[1] == ["1", "0.0001234", "1.235e+05"]


def test_words_give_the_spread_and_say_when_there_is_none():
    assert table.in_words("seed", list(RUNS.values()))[0] == (
        "accuracy 0.8500 ± 0.0707 (mean ± standard deviation of 2 seeds)"
    )
    assert "nothing in this training is random" in table.in_words("seed", [{"log_loss": 1.0}] * 3)[-1]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_run_is_given_its_params_whole(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRISE_STATE", str(tmp_path))
    params = read_params(path)
    first, second = seed_runs(params, 2, "cpu")
    second.folder.mkdir(parents=True)
    second.write_order("cpu")
    order = json.loads((second.folder / ORDER).read_text())
    given = Params.model_validate(order["params"])
    assert given == second.params
    assert (given.train.seed, given.evaluate.bar) == (params.train.seed + 1, None)
    assert (given.prepare, given.model) == (params.prepare, params.model)
    assert first.prepared == second.prepared


def test_folders_are_named_after_what_decides_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("table.csv")
    path.write_text("x,y\n1,2\n")
    params = with_defaults(Prepare(dataset="csv", csv=Csv(path=str(path), target="y")))

    def folders(params: Params) -> list[Path]:
        return [run.folder for run in [*seed_runs(params, 3, "cpu"), *fold_runs(params, 3, "cpu")]]

    before = folders(params)
    assert len(set(before)) == 6
    assert before == folders(params)
    assert [run.folder for run in seed_runs(params, 9, "cpu")][:3] == before[:3]  # more seeds: these are kept
    assert not {run.folder for run in fold_runs(params, 4, "cpu")} & set(before)
    assert not {run.folder for run in seed_runs(params, 3, "cuda")} & set(before)
    other = params.model_copy(update={"train": params.train.model_copy(update={"epochs": 3})})
    assert not set(folders(other)) & set(before)
    path.write_text("x,y\n1,3\n")
    assert not set(folders(params)) & set(before)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (Prepare(dataset="mnist"), "prepare.dataset: mnist has a test split of its own"),
        (
            Prepare(dataset="csv", csv=Csv(path="a.csv", test_path="b.csv", target="y")),
            "prepare.csv.test_path: b.csv is the test split",
        ),
    ],
)
def test_official_test_splits_are_not_dealt(prepare: Prepare, message: str) -> None:
    with pytest.raises(UserError, match=message + ".*use reprise seeds"):
        fold_runs(with_defaults(prepare), 5, "cpu")


def test_folds_are_advised_for_small_tables_that_have_no_test_split_of_their_own() -> None:
    facts = {
        "dataset": "iris", "layout": "table", "task": "regression", "shape": (1,), "columns": ("x",),
        "target": "y", "classes": (), "counts": {"train": 700, "val": 100, "test": 199}, "class_counts": {},
        "inputs": None, "target_scale": None, "test_is_train": False, "source": "", "licence": "", "raw": {},
    }  # fmt: skip
    (line,) = advice(Schema.model_validate(facts))
    assert line == "with 999 rows the split decides much of this: reprise folds 5 tests on every row once"
    for change in (
        {"counts": {"train": 800, "val": 0, "test": 200}},
        {"test_is_train": True},
        {"layout": "images", "shape": (1, 8, 8)},
        {"dataset": "random"},
    ):
        assert advice(Schema.model_validate(facts | change)) == []
