"""Every field of every section: invalid values, made from its type and bounds, are refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from test_params import check, text_of

from reprise.settings.free import UNSEEN_BY_DVC
from reprise.settings.params import Params
from reprise.settings.params_file import json_schema

SCHEMA = json_schema()
WRONG_KIND: dict[str, list[Any]] = {
    "integer": [None, True, 1.0, 1.5, "1", [1], {"a": 1}],
    "number": [None, True, "1.0", [1.0], {"a": 1}],
    "string": [None, True, 1, 1.5, ["a"], {"a": 1}],
    "boolean": [None, 0, 1, "true", "no", [], {}],
    "array": [None, True, 3, "ab", {"a": 1}, {"0": 1}],
    "object": [None, True, 3, "ab", [1]],
}


def resolved(node: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Follow references; return the node and whether null may stand there too.

    A number beside which a text may stand counts as a number.
    """
    options = node.get("anyOf", [node])
    plain = [option for option in options if option.get("type") != "null"]
    inner = plain[0]
    assert {option.get("type") for option in plain[1:]} <= {"string"} - {inner.get("type")}, node
    if "$ref" in inner:
        inner = SCHEMA["$defs"][inner["$ref"].rsplit("/", 1)[1]]
    return inner, len(options) > len(plain)


def leaves(node: dict[str, Any], place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """Yield the place, the schema and whether null is allowed, of every section and field."""
    inner, nullable = resolved(node)
    if place:
        yield place, inner, nullable
    for name, child in inner.get("properties", {}).items():
        yield from leaves(child, (*place, name))


def invalid(node: dict[str, Any], nullable: bool) -> Iterator[Any]:
    """Yield values that a field of this schema must refuse."""
    if "oneOf" in node:  # a number or a word
        number, word = node["oneOf"]
        yield from invalid(number, nullable)
        yield from ("", word["const"].upper(), f"{word['const']} ")
        return
    kind = node["type"]
    yield from (value for value in WRONG_KIND[kind] if not (nullable and value is None))
    if kind == "number":
        yield from (float("nan"), float("inf"), -float("inf"))
    step = 1 if kind == "integer" else 1e-9
    yield from (node[key] - step for key in ("minimum",) if key in node)
    yield from (node[key] + step for key in ("maximum",) if key in node)
    yield from (node[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in node)
    if "enum" in node:
        yield from ("", node["enum"][0].upper(), f"{node['enum'][0]} ")
    if "items" in node:
        # One bad element among good ones.
        good = 1 if node["items"]["type"] == "integer" else "a"
        yield from ([good, value] for value in invalid(node["items"], False))
    if node.get("minItems"):
        yield []
    if isinstance(node.get("additionalProperties"), dict):
        yield from ({"name": value} for value in invalid(node["additionalProperties"], False))


FIELDS = list(leaves(SCHEMA))


def test_the_walk_sees_every_section_and_field() -> None:
    places = {".".join(place) for place, *_ in FIELDS}
    assert {"prepare.csv.types", "model.mlp.hidden", "train.augment.flip", "evaluate.bar.at_most"} <= places
    assert len(places) > 70


@pytest.mark.parametrize(("place", "node", "nullable"), FIELDS, ids=[".".join(place) for place, *_ in FIELDS])
def test_invalid_values_are_refused_by_name(
    place: tuple[str, ...], node: Any, nullable: bool, tmp_path
) -> None:
    values = list(invalid(node, nullable))
    assert values
    for value in values:
        content = value
        for part in reversed(place):
            content = {part: content}
        text = text_of(**content).replace("NaN", ".nan").replace("Infinity", ".inf")
        problems = check(tmp_path, text)
        assert not isinstance(problems, Params), f"{place} accepts {value!r}"
        # A key in a section that may be empty is refused as unknown, one line each.
        assert all(problem.startswith(".".join(place)) for problem in problems), (value, problems)
        assert all("; found " in line or "unknown key; " in line for line in problems), problems


@pytest.mark.parametrize(("place", "node", "nullable"), FIELDS, ids=[".".join(place) for place, *_ in FIELDS])
def test_bounds_themselves_and_null_are_accepted(
    place: tuple[str, ...], node: Any, nullable: bool, tmp_path
) -> None:
    """Contradictions with other fields are another matter: only type and range are looked at here."""
    options = node.get("oneOf", [node])
    values = [option[key] for option in options for key in ("minimum", "maximum", "const") if key in option]
    for value in [*values, *[None] * nullable, *node.get("enum", [])]:
        content = int(value) if node.get("type") == "integer" and value is not None else value
        for part in reversed(place):
            content = {part: content}
        result = check(tmp_path, text_of(**content))
        unfit = [] if isinstance(result, Params) else [line for line in result if "; found " in line]
        assert not unfit, json.dumps(content)


def test_no_key_has_a_name_that_dvcs_run_cache_leaves_out() -> None:
    assert not {place[-1] for place, _, _ in leaves(SCHEMA)} & set(UNSEEN_BY_DVC)
