"""params.yaml: what is accepted, and that everything else is refused with one plain line per problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from reprise.foundation.errors import UserError
from reprise.settings.params import Params
from reprise.settings.params_file import SCHEMA_FILE, json_schema, read_params, schema_text

ROOT = Path(__file__).parents[1]
COMPLETE = [
    ROOT / "params.yaml",
    *sorted(set((ROOT / "recipes").glob("*.yaml")) - {ROOT / "recipes/dvc.yaml"}),
]
SECTIONS = ("prepare", "model", "train", "evaluate")


def text_of(**sections: Any) -> str:
    """A params file with these sections' contents and the defaults for the rest; JSON is YAML."""
    return json.dumps({name: sections.get(name, {}) for name in SECTIONS})


def check(folder: Path, content: str | bytes) -> Params | tuple[str, ...]:
    """Read a params file; return the params, or the problems without the file's name."""
    path = folder / "p.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        return read_params(path)
    except UserError as error:
        problems = error.problems
    assert problems
    assert all(len(problem.splitlines()) == 1 and problem.startswith(f"{path}:") for problem in problems)
    return tuple(problem.removeprefix(f"{path}:").lstrip() for problem in problems)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("params")


def test_the_defaults_stand_for_empty_sections(folder: Path) -> None:
    params = check(folder, "prepare: {}\nmodel: {}\ntrain: {}\nevaluate: {}\n")
    assert params == Params.model_validate({name: {} for name in SECTIONS})
    assert isinstance(params, Params)
    assert params.model.cnn.channels == (16, 32, 64)
    with pytest.raises(ValueError, match="frozen"):
        params.train.lr = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("path", COMPLETE, ids=lambda path: path.stem)
def test_every_params_file_of_the_project_is_valid(path: Path) -> None:
    assert isinstance(read_params(path), Params)
    plain = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    jsonschema.validate(plain, json.loads((ROOT / SCHEMA_FILE).read_text(encoding="utf-8")))
    schema = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / schema).resolve() == ROOT / SCHEMA_FILE


def test_the_committed_schema_is_that_of_the_classes() -> None:
    assert (ROOT / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "bad",
    [
        {"train": {"lr": 0}},
        {"train": {"patiense": 3}},
        {"model": {"kind": "cnnn"}},
        {"model": {"mlp": {"hidden": [0]}}},
        {"prepare": {"flatten": "no"}},
    ],
)
def test_the_schema_refuses_what_the_classes_refuse(bad: dict[str, Any], folder: Path) -> None:
    assert isinstance(check(folder, text_of(**bad)), tuple)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text_of(**bad)), json_schema())


def test_yaml_is_read_as_version_1_2(folder: Path) -> None:
    params = check(folder, "prepare: {csv: {header: no}}\nmodel: {}\ntrain: {lr: 1e-05}\nevaluate: {}\n")
    assert isinstance(params, Params)
    assert params.train.lr == 1e-05
    assert params.prepare.csv.header == "no"
    assert check(folder, text_of().replace('"prepare": {}', '"prepare": {flatten: no}')) == (
        "prepare.flatten: must be true or false; found 'no'",
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\N{BYTE ORDER MARK}"])
def test_an_editor_may_add_a_byte_order_mark_and_crlf(ending: str, mark: str, folder: Path) -> None:
    lines = ["prepare: {}", "model:", "  kind: mlp", "train: {}", "evaluate: {}", ""]
    params = check(folder, mark + ending.join(lines))
    assert isinstance(params, Params)
    assert params.model.kind == "mlp"


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"train": {"patiense": 3}}, "train.patiense: unknown key; did you mean train.patience?"),
        ({"model": {"cnn": {"padding ": 1}}},
         "model.cnn.padding : unknown key; did you mean model.cnn.padding?"),
        ({"evaluate": {"zzz": 1}},
         "evaluate.zzz: unknown key; known here: batch_size, confidence, bar, baselines, own"),
        ({"train": {"epochs": True}}, "train.epochs: must be a whole number ≥ 1; found true"),
        ({"train": {"epochs": 2.0}}, "train.epochs: must be a whole number ≥ 1; found 2.0"),
        ({"train": {"epochs": "3"}}, "train.epochs: must be a whole number ≥ 1; found '3'"),
        ({"train": {"lr": True}}, "train.lr: must be a number > 0 and ≤ 100; found true"),
        ({"train": {"lr": 0}}, "train.lr: must be a number > 0 and ≤ 100; found 0"),
        ({"train": {"slices": 65}}, "train.slices: must be a whole number ≥ 1 and ≤ 64; found 65"),
        ({"train": {"warmup": 1.0}}, "train.warmup: must be a number ≥ 0 and < 1; found 1.0"),
        ({"train": {"clip_norm": 0}}, "train.clip_norm: must be a number > 0 or null; found 0"),
        ({"train": {"seed": -1}}, "train.seed: must be a whole number ≥ 0; found -1"),
        ({"train": {"optimizer": "adan"}},
         "train.optimizer: must be one of sgd, adam, adamw, exact; found 'adan'; did you mean adam?"),
        ({"train": {"optimizer": None}},
         "train.optimizer: must be one of sgd, adam, adamw, exact; found null"),
        ({"train": [1]}, "train: must be a section (key: value lines); found [1]"),
        ({"prepare": None}, "prepare: must be a section (key: value lines); found null"),
        ({"evaluate": {"bar": 3}}, "evaluate.bar: must be a section (key: value lines) or null; found 3"),
        ({"evaluate": {"bar": {"at_leats": 0.9}}},
         "evaluate.bar.at_leats: unknown key; did you mean evaluate.bar.at_least?"),
        ({"model": {"mlp": {"hidden": 64}}},
         "model.mlp.hidden: must be a list, each a whole number ≥ 1; found 64"),
        ({"model": {"mlp": {"hidden": [64, "8"]}}},
         "model.mlp.hidden.1: must be a whole number ≥ 1; found '8'"),
        ({"model": {"cnn": {"channels": []}}},
         "model.cnn.channels: must be a list, each a whole number ≥ 1, 1 or more of them; found []"),
        ({"prepare": {"csv": {"types": {"age": "numerik"}}}},
         "prepare.csv.types.age: must be one of numeric, categorical, boolean, date, text, presence; "
         "found 'numerik'; did you mean numeric?"),
        ({"evaluate": {"a\nb": 1}},
         "evaluate.'a\\nb': unknown key; known here: batch_size, confidence, bar, baselines, own"),
    ],
)  # fmt: skip
def test_a_problem_is_named_with_what_is_allowed(sections: Any, problem: str, folder: Path) -> None:
    assert check(folder, text_of(**sections)) == (problem,)


def test_a_key_with_nothing_behind_it_means_none(folder: Path) -> None:
    nothing = {"types": None, "drop": None, "dates": None}
    params = check(folder, text_of(prepare={"csv": nothing}))
    assert params == check(folder, text_of())


def test_all_problems_are_listed_at_once(folder: Path) -> None:
    bad = text_of(train={"lr": -1, "epoch": 3, "augment": {"shift": 99}}, model={"kind": "cn"})
    assert check(folder, bad) == (
        "model.kind: must be one of linear, mlp, tabm, cnn, resnet18, pretrained, own; found 'cn'; "
        "did you mean cnn?",
        "train.lr: must be a number > 0 and ≤ 100; found -1",
        "train.augment.shift: must be a whole number ≥ 0 and ≤ 16; found 99",
        "train.epoch: unknown key; did you mean train.epochs?",
    )


def test_missing_and_unknown_sections(folder: Path) -> None:
    assert check(folder, "prepare: {}\nmodel: {}\ntrain: {}\nevalute: {}\n") == (
        "evaluate: missing; add the section (every key in it has a default)",
        "evalute: unknown key; did you mean evaluate?",
    )
