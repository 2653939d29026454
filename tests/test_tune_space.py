"""tune.yaml: what it may say, what is refused in a line, and how values get into params.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reprise.foundation.errors import UserError
from reprise.settings.params_file import checked, read_yaml
from reprise.tuning.params_text import with_values
from reprise.tuning.space import Dimension, draw
from reprise.tuning.space_file import known_keys, read_tuning, schema_text, with_drawn

ROOT = Path(__file__).parents[1]
PARAMS = ROOT / "params.yaml"
TEXT = PARAMS.read_text(encoding="utf-8")


def base() -> dict[str, Any]:
    return read_yaml(PARAMS, "")


def refused(text: str, folder: Path) -> list[str]:
    """Return the problems of a tune.yaml, without its name."""
    path = folder / "tune.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_tuning(path, base())
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{path}: ") for line in caught.value.problems]


def test_the_committed_space_fits_the_committed_params() -> None:
    tuning = read_tuning(ROOT / "tune.yaml", base())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(20):
        drawn = draw(tuning.space, study.ask())
        params = checked(with_drawn(base(), tuning.space, drawn), PARAMS)
        assert params.train.lr == drawn["train.lr"]
        assert ("train.weight_decay" in drawn) == (params.train.optimizer == "adamw")
        text = with_values(TEXT, tuning.space, drawn)
        assert checked(YAML(typ="safe", pure=True).load(text), PARAMS) == params


def test_the_schema_is_up_to_date_and_accepts_the_committed_space() -> None:
    assert (ROOT / "tune.schema.json").read_text(encoding="utf-8") == schema_text(), "run make deps"
    schema = json.loads(schema_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    content = read_yaml(ROOT / "tune.yaml", "")
    jsonschema.validate(content, schema)
    content["space"]["train.lrr"] = content["space"]["train.lr"]
    with pytest.raises(jsonschema.ValidationError, match=r"train\.lrr"):
        jsonschema.validate(content, schema)


GOOD = "space: {train.lr: {kind: choice, values: [1]}}\n"
LR = "train.lr: must be a number > 0 and ≤ 100; found"
WRONG = [
    (
        "train.lrr: {kind: float, low: 0.1, high: 1}",
        "train.lrr: no key of params.yaml; did you mean train.lr?",
    ),
    ("lr: {kind: float, low: 0.1, high: 1}", "lr: no key of params.yaml; such as train.lr"),
    ("prepare.seed: {kind: int, low: 1, high: 3}", "prepare.seed: all trials share their data"),
    ("train.seed: {kind: int, low: 1, high: 3}", "train.seed: the luck of a seed is no parameter"),
    (
        "train.lr: {kind: flaot, low: 0.1, high: 1}",
        "train.lr.kind: must be one of choice, int, float; found 'flaot'; did you mean float?",
    ),
    ("train.lr: {kind: float, lwo: 0.1}", "train.lr.lwo: unknown key; did you mean space.train.lr.low?"),
    ("train.lr: {kind: float, low: 0.1, high: 200}", f"train.lr.high: {LR} 200.0"),
    ("train.lr: {kind: float, low: 0, high: 1}", f"train.lr.low: {LR} 0.0"),
    (
        "train.lr: {kind: float, low: 0, high: 1, log: true}",
        "train.lr.low: must be > 0 with log: true; found 0",
    ),
    ("train.lr: {kind: float, low: 1, high: 0.1}", "train.lr.high: must be above low: 1; found 0.1"),
    ("train.lr: {kind: float, low: .nan, high: 1}", "train.lr.low: must be a number or null; found .nan"),
    ("train.lr: {kind: float, low: 0.1}", "train.lr.high: missing; a range needs low and high"),
    (
        "train.lr: {kind: float, low: 0.1, high: 1, step: 0.4}",
        "train.lr.step: 0.4 does not lead from 0.1 to 1",
    ),
    (
        "train.lr: {kind: float, low: 1, high: 2, step: 1, log: true}",
        "train.lr.step: has no meaning with log",
    ),
    ("train.lr: {kind: float, values: [0.1]}", "train.lr.values: kind: float is a range"),
    ("train.lr: {kind: choice, low: 0.1, high: 1}", "train.lr.values: missing"),
    ("train.lr: {kind: choice, values: [0.1, fast]}", f"train.lr.values.1: {LR} 'fast'"),
    ("train.lr: {kind: choice, values: [0.1, 0.1]}", "train.lr.values: 0.1 stands there twice"),
    (
        "train.epochs: {kind: int, low: 0, high: 8}",
        "train.epochs.low: train.epochs: must be a whole number ≥ 1; found 0",
    ),
    (
        "train.epochs: {kind: int, low: 1.5, high: 8}",
        "train.epochs.low: must be a whole number with kind: int; found 1.5",
    ),
    (
        "train.keep: {kind: choice, values: [last, bets]}",
        "train.keep.values.1: train.keep: must be one of best, last; found 'bets'; did you mean best?",
    ),
    (
        "model.cnn.hidden: {kind: choice, values: [[8], [-8]]}",
        "model.cnn.hidden.values.1: model.cnn.hidden.0: must be a whole number ≥ 1; found -8",
    ),
    (
        "train.lr: {kind: float, low: 0.1, high: 1, when: {train.optimizer: sgd}}",
        "train.lr.when.train.optimizer: no key that stands above in the space",
    ),
]


@pytest.mark.parametrize(("line", "problem"), WRONG)
def test_what_is_wrong_is_told_in_a_line(line: str, problem: str, tmp_path: Path) -> None:
    problems = refused(f"space:\n  {line}\n", tmp_path)
    assert len(problems) == 1
    assert problems[0].startswith(f"space.{problem}")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    lines = ["space:", "  train.batch_size: {kind: float, low: 1, high: 8}", "  train.lrr: {kind: int}", ""]
    assert [line.split(":")[0] for line in refused("\n".join(lines), tmp_path)] == [
        "space.train.batch_size.low", "space.train.batch_size.high", "space.train.lrr",
    ]  # fmt: skip


def test_some_draw_must_be_allowed(tmp_path: Path) -> None:
    (line,) = refused("space:\n  model.kind: {kind: choice, values: [tabm]}\n", tmp_path)
    assert line.startswith(
        "space: of 50 random draws none may stand in params.yaml: model.kind: tabm needs a"
    )


def test_conditions_name_values_of_their_choice(tmp_path: Path) -> None:
    text = """space:
  train.optimizer: {kind: choice, values: [sgd, adam]}
  train.momentum: {kind: float, low: 0.0, high: 0.9, when: {train.optimizer: adamw}}
"""
    assert refused(text, tmp_path) == [
        'space.train.momentum.when.train.optimizer: "adamw" is no value of its choice: "sgd", "adam"'
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must hold a section `space`"),
        ("seed: 1\n", "space: missing"),
        ("space: {}\n", "space: must be a section (key: value lines)"),
        ("space: [1]\n", "space: must be a section (key: value lines); found [1]"),
        (f"spaces: {{}}\n{GOOD}", "spaces: unknown key; did you mean space?"),
        (f"prune: {{epoch: 3}}\n{GOOD}", "prune.epoch: unknown key; did you mean prune.epochs?"),
    ],
)  # fmt: skip
def test_the_file_as_a_whole_is_checked(text: str, problem: str, tmp_path: Path) -> None:
    assert refused(text, tmp_path)[0].startswith(problem)


def test_there_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml: no such file; write one"):
        read_tuning(tmp_path / "none.yaml", base())


def test_every_key_that_may_be_searched_is_one_of_params() -> None:
    schema = json.loads((ROOT / "params.schema.json").read_text(encoding="utf-8"))
    keys = known_keys()
    assert {"train.lr", "model.mlp.hidden", "model.tabm.embedding.bins", "train.augment.shift"} <= set(keys)
    names = {name for kind in schema["$defs"].values() for name in kind.get("properties", {})}
    assert {key.rsplit(".", 1)[1] for key in keys} <= names
    assert not {"train.seed", "train.monitor"} & set(keys)


def test_other_values_leave_comments_order_and_the_rest_alone() -> None:
    drawn: dict[str, Any] = {"train.lr": 1e-05, "model.cnn.hidden": [64, 64], "model.mlp.activation": "gelu"}
    drawn["train.clip_norm"] = None
    text = with_values(TEXT, [*drawn, "train.weight_decay", "model.tabm.members"], drawn)
    assert text.splitlines()[:2] == TEXT.splitlines()[:2]
    before, after = set(TEXT.splitlines()), set(text.splitlines())
    assert before - after == {"    hidden: [128]", "  lr: 0.003", "  weight_decay: 0.0"}
    assert after - before == {"    hidden: [64, 64]", "  lr: 1e-05", "  mlp:", "    activation: gelu"}
    content = YAML(typ="safe", pure=True).load(text)
    assert content["train"]["lr"] == 1e-05
    assert "tabm" not in content["model"]
    assert with_values(text, drawn, drawn) == text


class Given:
    """Draws what it was told to."""

    def __init__(self, value: float) -> None:
        self.value = value

    def suggest_float(self, *_: Any, **__: Any) -> float:
        return self.value


@given(st.floats(1e-6, 90.0), st.floats(1e-6, 90.0), st.floats(0.0, 1.0))
def test_numbers_are_short_and_within_their_range(one: float, other: float, place: float) -> None:
    low, high = sorted((one, other))
    space = {"train.lr": Dimension(kind="float", low=low, high=high, log=True)}
    drawn = low + place * (high - low)
    value = draw(space, Given(drawn))["train.lr"]  # type: ignore[arg-type] # it draws numbers alone
    assert low <= value <= high
    assert value == pytest.approx(drawn, rel=1e-3)
    assert value in (low, high) or value == float(f"{value:.4g}")


def test_steps_have_no_noise() -> None:
    space = {"model.cnn.dropout": Dimension(kind="float", low=0.0, high=0.9, step=0.1)}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    found = {draw(space, study.ask())["model.cnn.dropout"] for _ in range(200)}
    assert found == {number / 10 for number in range(10)}
