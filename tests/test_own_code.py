"""Own code is found in one place, runs from texts alone, and its errors are lines that name file and line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from own_project import write_own

from reprise.foundation.errors import UserError
from reprise.own.call import call
from reprise.own.carried import CodeFile, carried_code, code_to_carry
from reprise.own.code import Code, folder_digests, load, loaded, project_code
from reprise.own.errors import LONGEST, telling
from reprise.settings.params import Model
from reprise.settings.params_file import read_params


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def problem_of(**files: str) -> str:
    write_own(Path(), **files)
    with pytest.raises(UserError) as caught:
        load(project_code(), "model", "build(schema)")
    return str(caught.value)


@pytest.mark.parametrize("statement", ["from own.layers import WIDTH", "from .layers import WIDTH"])
def test_files_import_each_other_and_nothing_is_left_on_the_path(statement: str) -> None:
    write_own(Path(), model=f"{statement}\ndef build(schema):\n    return WIDTH\n", layers="WIDTH = 3\n")
    write_own(Path(), unused="raise RuntimeError\n")
    path = list(sys.path)
    assert load(project_code(), "model", "build(schema)").build(None) == 3
    assert sys.path == path
    assert sorted(loaded().files) == ["layers.py", "model.py"]
    assert not list(Path("own").rglob("__pycache__"))


def test_what_is_loaded_are_the_texts_and_not_the_files() -> None:
    write_own(Path(), model="def build(schema):\n    return 'file'\n")
    text = "from own.parts.deep import NAME\ndef build(schema):\n    return NAME\n"
    code = Code({"model.py": text, "parts/deep.py": "NAME = 'text'\n"})
    assert load(code, "model", "build(schema)").build(None) == "text"
    assert load(project_code(), "model", "build(schema)").build(None) == "file"
    assert sorted(loaded().files) == ["model.py"]  # nothing is left of the other code


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n", "own/model.py: has no function build; write build(schema) there (docs/own-code.md)"),
        ("\n\nx = 1 / 0\n", "own/model.py:3: ZeroDivisionError: division by zero"),
        ("\ndef build(:\n", "own/model.py:2: SyntaxError: invalid syntax (model.py, line 2)"),
        ("import own.layer\n", "own/model.py:1: ModuleNotFoundError: No module named 'own.layer'"),
        ("import sys\nsys.exit(0)\n", "own/model.py:2: SystemExit: 0"),
        (
            "raise ValueError('a\\nb ' + 'c' * 1000)\n",
            f"own/model.py:1: ValueError: a b {'c' * (LONGEST - 5)}…",
        ),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_place(text: str, problem: str) -> None:
    assert problem_of(model=text) == problem
    write_own(Path(), model="def build(schema):\n    return 1\n")  # mended, it is loaded
    assert load(project_code(), "model", "build(schema)").build(None) == 1


def test_an_error_in_another_file_is_named_there() -> None:
    assert problem_of(model="import own.layers\n", layers="\nNONE.x\n").startswith(
        "own/layers.py:2: NameError"
    )


def test_no_file_no_utf8_and_a_folder_elsewhere_are_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UserError, match=r"^own/model\.py: no such file; write build\(schema\) there"):
        load(project_code(), "model", "build(schema)")
    Path("own").mkdir()
    Path("own/model.py").write_bytes(b"# \xe9\n")
    with pytest.raises(UserError, match=r"^own/model\.py: not UTF-8 \(byte 2\)"):
        project_code()
    Path("own/model.py").unlink()
    Path("own").rmdir()
    Path("own").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    with pytest.raises(UserError, match=r"own: is a link to .*, outside the project"):
        project_code()


def test_digests_are_of_every_file_but_caches() -> None:
    write_own(Path(), model="a\n")
    Path("own/words.json").write_text("{}")
    Path("own/__pycache__").mkdir()
    Path("own/__pycache__/model.pyc").write_text("")
    before = folder_digests()
    assert sorted(before) == ["model.py", "words.json"]
    Path("own/words.json").write_text("[]")
    assert folder_digests() != before


def test_errors_that_are_not_the_users_go_on_where_nobody_is_named() -> None:
    with pytest.raises(ZeroDivisionError), telling(None):
        _ = 1 / 0
    with pytest.raises(UserError, match=r"^there: ZeroDivisionError: division by zero$"), telling("there"):
        _ = 1 / 0


# Settings


def build(schema: object, width: int, depth: int = 2) -> tuple[object, int, int]:
    return schema, width, depth


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({}, ["model.own.width: missing; here needs it"]),
        ({"widht": 3, "width": 3}, ["model.own.widht: no setting of here; did you mean model.own.width?"]),
        ({"width": 3, "zz": 3}, ["model.own.zz: no setting of here; it takes width, depth"]),
        ({"width": 3, "schema": 1}, ["model.own.schema: no setting of here; it takes width, depth"]),
    ],
)
def test_settings_are_matched_with_what_the_function_takes(settings: dict, problems: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        call(build, "here", "model.own", settings, "the schema")
    assert list(caught.value.problems) == problems


def test_a_call_hands_on_copies() -> None:
    assert call(build, "here", "model.own", {"width": 3}, "s") == ("s", 3, 2)
    settings = {"sizes": [1]}
    assert call(lambda _, **free: free["sizes"].append(2) or free, "here", "model.own", settings, 0) == {
        "sizes": [1, 2]
    }
    assert settings == {"sizes": [1]}
    with pytest.raises(UserError, match="takes 0 arguments by position and must take 1"):
        call(lambda: 0, "here", "model.own", {}, 0)


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_whatever_json_can_hold_is_a_setting(settings: dict[str, Any]) -> None:
    model = Model(kind="own", own=settings)
    assert model.own == settings
    assert Model.model_validate_json(model.model_dump_json()).own == settings


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ("3", "model.own: must be a section (key: value lines); found 3"),
        ("", "model.own: must be a section (key: value lines); found null"),
        ("{1: 2}", "model.own.1: a key must be a text; put it in quotes"),
        ("{a: {2: 1}}", "model.own.a.2: a key must be a text; put it in quotes"),
        ("{a: [0, .inf]}", "model.own.a.1: must be a finite number"),
        (
            "{a: {size: 2}}",
            "model.own.a.size: dvc does not notice changes of a key of this name; give it another",
        ),
        ("{a: {b: 2001-01-01}}", "model.own.a.b: must be a text, a number, true, false, null, a list or "
         "a section; found a date"),
    ],
)  # fmt: skip
def test_other_values_are_refused_by_place(own: str, problem: str) -> None:
    text = f"prepare: {{}}\nmodel:\n  kind: own\n  own: {own}\ntrain: {{}}\nevaluate: {{}}\n"
    Path("params.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        read_params(Path("params.yaml"))
    assert str(caught.value) == f"params.yaml: {problem}"


def test_empty_settings_are_left_out() -> None:
    assert "own" not in Model().model_dump(mode="json")
    assert Model(own={"a": 1}).model_dump(mode="json")["own"] == {"a": 1}


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("model: {kind: own}", "model.kind: own"),
        ("prepare: {dataset: own}", "prepare.dataset: own"),
        ("evaluate: {own: {}}", "evaluate.own"),
    ],
)
def test_recipes_cannot_use_own_code(section: str, key: str) -> None:
    names = [name for name in ("prepare", "model", "train", "evaluate") if not section.startswith(name)]
    text = "".join(f"{name}: {{}}\n" for name in names) + f"{section}\n"
    Path("recipes").mkdir()
    for path in (Path("params.yaml"), Path("recipes/mine.yaml")):
        path.write_text(text)
    read_params(Path("params.yaml"))
    with pytest.raises(UserError, match=f"^recipes/mine.yaml: {key} is for the main pipeline; recipes don't"):
        read_params(Path("recipes/mine.yaml"))


# Trust


def test_carried_code_runs_if_it_is_the_projects_or_trusted() -> None:
    write_own(Path(), model="from own.layers import W\ndef build(s):\n    return W\n", layers="W = 1\n")
    load(project_code(), "model", "build(s)")
    files, where = code_to_carry(), Path("models/model.json")
    assert carried_code(files, where, trust=False).files == project_code().files
    write_own(Path(), layers="W = 2\n")
    Path("own/model.py").unlink()
    with pytest.raises(UserError) as caught:
        carried_code(files, where, trust=False)
    assert str(caught.value) == (
        "models/model.json: carries code that is not this project's (own/layers.py differs, own/model.py is "
        "not here); train again, or, if you trust where it comes from, add --trust-code"
    )
    assert load(carried_code(files, where, trust=True), "model", "build(s)").build(0) == 1


def test_damaged_code_never_runs() -> None:
    files = {"model.py": CodeFile(sha256="0" * 64, text="x = 1\n")}
    with pytest.raises(UserError, match=r"the code of own/model\.py is damaged"):
        carried_code(files, Path("model.json"), trust=True)
