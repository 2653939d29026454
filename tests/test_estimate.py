"""How long a training will take: what data is expected to be like, and what is made of a step's time."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from starting import init, photos
from tiny import schema_of

from reprise.model.tabular import numbers
from reprise.prepared.schema import Schema, Statistics
from reprise.preparing.prepare import prepare
from reprise.settings.params import Cnn, Evaluate, Mlp, Model, Params, Prepare, Tabm, Train
from reprise.settings.params_file import read_params
from reprise.starter.expected import expected_images, expected_table
from reprise.starter.folder import look_at_folder
from reprise.starter.table import look_at_table
from reprise.watching import estimate, foresight
from reprise.watching.estimate import training_seconds
from reprise.watching.foresight import Foresight, passes


def a_table(path: Path, rows: int) -> str:
    """A table with a number, a category, a flag, a date and a number of each row."""
    random = np.random.default_rng(1)
    lines = ["Id,length,colour,flag,day,y"]
    for row in range(rows):
        length = random.normal()
        lines.append(
            f"{row + 1},{length:.3f},{['red', 'green', 'blue'][row % 3]},{['yes', 'no'][row % 2]},"
            f"2024-{row % 12 + 1:02d}-{row % 28 + 1:02d},{length + random.normal():.3f}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return str(path)


@pytest.mark.usefixtures("project")
def test_a_table_is_expected_as_prepare_makes_it() -> None:
    params = init(a_table(Path("data/raw/t.csv"), 600))
    expected = expected_table(look_at_table("data/raw/t.csv", None), params)
    real = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert expected.task == real.task == "regression"
    assert expected.counts == real.counts
    # Codes are estimates: prepare leaves out those that say nothing.
    assert expected.shape[0] == pytest.approx(real.shape[0], abs=4)
    assert len(numbers(expected)) == pytest.approx(len(numbers(real)), abs=4)


def test_pictures_are_expected_as_prepare_makes_them(project: Path) -> None:
    photos(project / "data/raw/animals", {"cat": 20, "dog": 10})
    params = init("data/raw/animals")
    expected = expected_images(look_at_folder(Path("data/raw/animals")), params)
    real = prepare(params.prepare, Path("data/prepared"), Path("data/raw"))
    assert (expected.shape, expected.classes) == (real.shape, real.classes)
    assert sum(expected.counts.values()) == sum(real.counts.values()) == 30


def params_of(model: Model, **train: object) -> Params:
    chosen = Train(**{"batch_size": 32, "epochs": 10, "slices": 1} | train)
    return Params(prepare=Prepare(dataset="iris"), model=model, train=chosen, evaluate=Evaluate())


def table_schema(train: int, val: int) -> Schema:
    inputs = Statistics(mean=(0.5,) * 6, std=(2.0,) * 6)
    return schema_of((6,), counts={"train": train, "val": val, "test": 0}, inputs=inputs)


@pytest.mark.parametrize(
    ("train", "workers", "seconds"),
    [
        ({}, 1, 10 * (32 * 1.0 + 512 / 512)),
        ({"epochs": 30}, 8, 30 * (32 * 1.0 + 512 / 512)),  # one slice: one thread
        # Of 1,536 rows each of 3 networks learns from 1,024; two of them side by side, then the third.
        ({"folds": 3}, 2, 2 * 10 * (32 * 1.0 + 512 / 512)),
        ({"folds": 3}, 3, 10 * (32 * 1.0 + 512 / 512)),
        ({"slices": 2}, 2, 10 * (32 * 1.0 + 512 / 512 / 2)),
    ],
)
def test_steps_and_judging_are_added_up(train, workers: int, seconds: float, monkeypatch) -> None:
    monkeypatch.setattr(estimate, "_timed", lambda _work: 1.0)
    params = params_of(Model(kind="mlp", mlp=Mlp(hidden=(4,))), **train)
    assert training_seconds(params, table_schema(1024, 512), workers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("model", "schema"),
    [
        (Model(kind="tabm", tabm=Tabm(members=2, hidden=(4,))), table_schema(200, 20)),
        (
            Model(kind="cnn", cnn=Cnn(channels=(4,), strides=(2,), padding=1, batch_norm=True)),
            schema_of((3, 8, 8), counts={"train": 50, "val": 5, "test": 5}),
        ),
    ],
)
def test_a_model_of_each_kind_is_really_stepped(model: Model, schema: Schema, monkeypatch) -> None:
    monkeypatch.setattr(estimate, "BUDGET", 0.01)
    seconds = training_seconds(params_of(model), schema, 2)
    assert 0.0 < seconds < 600.0
    assert training_seconds(params_of(model, epochs=100_000), schema, 2) > 100 * seconds


def test_a_long_training_is_told_and_a_short_one_is_not(monkeypatch) -> None:
    monkeypatch.setattr(foresight, "PATIENCE", 60.0)
    model = Model(kind="mlp", mlp=Mlp(hidden=(64,)))
    long, short = table_schema(50_000_000, 0), table_schema(50_000, 0)
    with Foresight(True) as asked:
        said = asked.line(params_of(model), long)
    assert said is not None
    assert re.fullmatch(r"time: the training takes about .* (min|h) on this machine \(\d+ cores?\)", said)
    with Foresight(True) as asked:
        assert asked.line(params_of(model), short) is None
    with Foresight(False) as asked:
        assert asked.line(params_of(model), long) is None


def test_what_keeps_it_from_answering_is_passed_over(monkeypatch) -> None:
    with Foresight(True) as asked:
        impossible = table_schema(50_000_000, 0).model_copy(update={"classes": ()})
        assert asked.line(params_of(Model(kind="mlp")), impossible) is None
    monkeypatch.setattr(foresight, "PATIENCE", 0.01)
    with Foresight(True) as asked:
        assert asked.line(params_of(Model(kind="mlp")), table_schema(50_000_000, 0)) is None


def test_rows_are_counted_as_often_as_they_are_learnt_from() -> None:
    model = Model(kind="mlp")
    assert passes(params_of(model), table_schema(1000, 100)) == 10_000
    assert passes(params_of(model, folds=5), table_schema(1000, 100)) == 40_000
    assert passes(params_of(Model(kind="linear"), optimizer="exact"), table_schema(1000, 100)) == 1000


@pytest.mark.usefixtures("project")
def test_init_data_tells_it(monkeypatch, capsys) -> None:
    monkeypatch.setattr(foresight, "PATIENCE", 60.0)
    monkeypatch.setattr(foresight, "MINUTE", 0.0)
    monkeypatch.setattr(foresight, "FEW_PASSES", {"table": 1, "images": 1})
    init(a_table(Path("data/raw/t.csv"), 4000))
    told = capsys.readouterr().out
    assert re.search(r"\nmodel: .*\ntime: the training takes about \d+ s on .*\nparams", told)
    assert read_params(Path("params.yaml")).model.kind == "tabm"
