"""Any file in the place of params.yaml: Params or plain lines, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_params import SECTIONS, check

from reprise.foundation.errors import UserError
from reprise.settings.params_file import json_schema, read_params

KEYS = [name for node in json_schema()["$defs"].values() for name in node.get("properties", {})]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("params")


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("train: {lr: .nan}", "train.lr: must be a number > 0 and ≤ 100; found .nan"),
        ("train: {weight_decay: .inf}", "train.weight_decay: must be a number ≥ 0 or auto; found .inf"),
        ("train: {weight_decay: -.inf}", "train.weight_decay: must be a number ≥ 0 or auto; found -.inf"),
        ("train: {weight_decay: 1" + "0" * 400 + "}",
         "train.weight_decay: must be a number ≥ 0 or auto; found 1" + "0" * 56 + "…"),
        ("train: {weight_decay: Auto}", "train.weight_decay: must be a number ≥ 0 or auto; found 'Auto'; "
         "did you mean auto?"),
        ("train: {seed: 0x" + "f" * 5000 + "}",
         "train.seed: must be a whole number ≥ 0; found a number of thousands of digits"),
        ("train: {lr: 2020-01-01}", "train.lr: must be a number > 0 and ≤ 100; found 2020-01-01"),
        ("train: {1: 2}", "train.1: a key must be a text; found 1; put it in quotes"),
        ("train: {}\n1: 2", "1: a key must be a text; found 1; put it in quotes"),
        ("train: {}\nprepare: {csv: {types: {1: date}}}",
         "prepare.csv.types.1: a key must be a text; found 1; put it in quotes"),
        ("train: {}\nprepare: {csv: {drop: !!set {a}}}",
         "prepare.csv.drop: must be a list, each a text, or null; found {'a'}"),
        ("train: {}\nmodel: {mlp: {hidden: !!set {64}}}",
         "model.mlp.hidden: must be a list, each a whole number ≥ 1; found {64}"),
    ],
)  # fmt: skip
def test_yaml_can_say_what_json_cannot(yaml: str, problem: str, folder: Path) -> None:
    rest = "".join(f"{name}: {{}}\n" for name in SECTIONS if f"{name}:" not in yaml)
    assert check(folder, f"{yaml}\n{rest}") == (problem,)


@pytest.mark.parametrize(
    ("content", "start"),
    [
        ("train:\n\tlr: 1\n", "2:1: not valid YAML: found character '\\t' that cannot start any token"),
        ("train: {lr: 1\n", "2:1: not valid YAML: "),
        ("a: 1\nb: 2\na: 3\n", '3:1: not valid YAML: found duplicate key "a" with value "3"'),
        ('a: "x\\ny"\na: "z\\nw"\n', '2:1: not valid YAML: found duplicate key "a" with value "z w"'),
        ("train: *none\n", "1:8: not valid YAML: found undefined alias 'none'"),
        ("!!python/object:os.system x", "1:1: not valid YAML: could not determine a constructor"),
        ("a: {}\n---\nb: {}\n", "2:1: not valid YAML: but found another document"),
        ("a: \0", "not valid YAML: unacceptable character #x0000"),
        ("a: !!bool maybe", "not valid YAML: 'maybe'"),
        ("a: !!int maybe", "not valid YAML: invalid literal for int() with base 10: 'maybe'"),
        ("a: 2020-13-45", "not valid YAML: month must be in 1..12"),
        ("[" * 1000, "not valid YAML: nested too deeply"),
        ("", "must hold the sections prepare, model, train, evaluate; found nothing"),
        ("# only a comment\n", "must hold the sections prepare, model, train, evaluate; found nothing"),
        ("[1]", "must hold the sections prepare, model, train, evaluate; found list"),
        (b"train: {}\n# caf\xe9\n", "not UTF-8 (byte 15); save it as UTF-8"),
        ("train: {}\n".encode("utf-16"), "not UTF-8 (byte 0); save it as UTF-8"),
    ],
)
def test_a_file_that_is_no_params_file(content: str | bytes, start: str, folder: Path) -> None:
    problems = check(folder, content)
    assert isinstance(problems, tuple)
    assert len(problems) == 1
    assert problems[0].startswith(start)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.yaml", "no such file; copy a recipe from recipes/ or pass --params FILE"),
        (".", "is a folder; pass a params file"),
        ("file/x.yaml", "cannot be read (Not a directory); pass a params file"),
    ],
)
def test_a_path_that_cannot_be_read(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError) as caught:
        read_params(tmp_path / name)
    assert caught.value.problems == (f"{tmp_path / name}: {reason}",)


# Whatever stands in the file, the answer is Params or plain lines; `check` looks at the lines.
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([*KEYS, "cnn", "mlp", "adam", "auto", "csv", "digits", 2**70, 10**400, 1e308, -0.0])
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(SECTIONS) | st.text(max_size=5), VALUES, max_size=6))
def test_any_value_is_accepted_or_refused_in_plain_lines(folder: Path, value: dict[str, Any]) -> None:
    text = json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")
    check(folder, text)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abt:{}[]-!&*?#|>%@\"',.~ 019\n\t\\\0e_é\u2028", max_size=40) | st.text(max_size=30))
@example("? [a]\n: 2")
@example("<<: 3")
@example("&a\ntrain: *a\n")
@example("{1.5: a, null: b, 2020-01-01: c, true: d}")
def test_any_text_is_accepted_or_refused_in_plain_lines(folder: Path, text: str) -> None:
    check(folder, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_accepted_or_refused_in_plain_lines(folder: Path, data: bytes) -> None:
    check(folder, data)
