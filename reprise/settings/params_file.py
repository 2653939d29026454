"""Reading params.yaml: YAML 1.2, checked as a whole, every problem named at once."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from reprise.foundation.errors import UserError, nearest
from reprise.foundation.files import json_text
from reprise.settings.contradictions import contradictions
from reprise.settings.free import PROBLEM
from reprise.settings.params import Params

Kind = TypeVar("Kind", bound=BaseModel)
SCHEMA_FILE = "params.schema.json"
RECIPES = "recipes"  # the folder of params files that a pipeline of their own reads


def read_params(path: Path) -> Params:
    """Read and check a params file.

    Raises
    ------
    UserError
        One line per problem: unknown keys, wrong types, values out of range and contradictions.
    """
    return checked(read_yaml(path, "the sections prepare, model, train, evaluate"), path)


def checked(content: Any, path: Path) -> Params:
    """Return the content of a params file as parameters.

    Raises
    ------
    UserError
        As `read_params`.
    """
    params = validated(Params, content, json_schema(), path)
    found = [*contradictions(params), *_unwatched(path, params)]
    if found:
        raise UserError(*[f"{path}: {line}" for line in found])
    return params


def validated(kind: type[Kind], content: Any, schema: dict[str, Any], path: Path) -> Kind:
    """Return the content of a file as an object of a class whose JSON schema is given.

    Raises
    ------
    UserError
        One line for each key that is unknown or has a value that is not allowed.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        # A value that is of none of several kinds is a problem for each of them: one line all the same.
        lines = dict.fromkeys(_line(problem, schema) for problem in error.errors())
        raise UserError(*[f"{path}: {line}" for line in lines]) from None


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON schema of params.yaml, for editors; it is one object, not to be changed."""
    schema = Params.model_json_schema()
    schema["title"] = "params.yaml of Reprise"
    return schema


def schema_text() -> str:
    """Return the content of params.schema.json."""
    return json_text(json_schema())


def _unwatched(path: Path, params: Params) -> list[str]:
    """Return a line for each use of own/ by a recipe, whose pipeline does not depend on that folder."""
    used = {
        "model.kind: own": params.model.kind == "own",
        "prepare.dataset: own": params.prepare.dataset == "own",
        "evaluate.own": params.evaluate.own is not None,
    }
    if path.parent.name != RECIPES:
        return []
    return [
        f"{key} is for the main pipeline; recipes don't depend on own/. Copy this file to params.yaml"
        for key, chosen in used.items()
        if chosen
    ]


def read_yaml(path: Path, expected: str) -> dict[str, Any]:
    """Return the content of a YAML file, a mapping.

    Parameters
    ----------
    path : Path
    expected : str
        What the file must hold, for the message.

    Raises
    ------
    UserError
        If there is no such file, or it is none of that kind.
    """
    # ruamel reads YAML 1.2, as DVC does: 1e-05 is a number, `no` is a string.
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; copy a recipe from recipes/ or pass --params FILE") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; pass a params file") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise UserError(f"{where}: not valid YAML: {_one_line(error.problem)}") from None
    except RecursionError:
        raise UserError(f"{path}: not valid YAML: nested too deeply") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); pass a params file") from None
    except (YAMLError, ValueError, KeyError) as error:  # ruamel's own for `!!bool maybe` is a KeyError
        raise UserError(f"{path}: not valid YAML: {_one_line(error)}") from None
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise UserError(f"{path}: must hold {expected}; found {found}")
    return content


def _line(problem: Any, schema: dict[str, Any]) -> str:
    """Return one problem of pydantic's as one line in the words of a user."""
    loc = _keys([str(part) for part in problem["loc"] if part != "[key]"], schema)
    where = ".".join(map(_key, loc))
    if problem["type"] == "invalid_key" or problem["loc"][-1:] in ((), ("[key]",)):
        prefix = f"{where}: " if where else ""
        return f"{prefix}a key must be a text; found {_shown(problem['input'])}; put it in quotes"
    parent = _node(schema, loc[:-1])
    known = list(parent.get("properties", {}))
    if problem["type"] == "extra_forbidden":
        close = nearest(loc[-1], known)
        prefix = ".".join([*map(_key, loc[:-1]), ""])
        hint = f"did you mean {prefix}{close}?" if close else f"known here: {', '.join(known)}"
        return f"{where}: unknown key; {hint}"
    if problem["type"] == PROBLEM:
        return f"{where}.{problem['msg']}"
    if problem["type"] == "missing":
        return f"{where}: missing; add the section (every key in it has a default)"
    node = _node(schema, loc)
    value = problem["input"]
    line = f"{where}: must be {_allowed(node)}; found {_shown(value)}"
    options = [str(option) for kind in node.get("kinds", [node]) for option in _options(kind)]
    close = nearest(value, options) if isinstance(value, str) else None
    return f"{line}; did you mean {close}?" if close else line


def _keys(loc: list[str], schema: dict[str, Any]) -> list[str]:
    """Return a place without what pydantic says behind it of the one of several kinds that it tried."""
    for length in range(1, len(loc)):
        if "kinds" in _node(schema, loc[:length]):
            return loc[:length]
    return loc


def _options(node: dict[str, Any]) -> list[Any]:
    return [node["const"]] if "const" in node else list(node.get("enum", []))


def _node(schema: dict[str, Any], loc: list[str]) -> dict[str, Any]:
    """Return the schema of the place `loc`, with references followed and null alternatives dropped."""
    node = _resolved(schema, schema)
    for part in loc:
        if part.isdigit() and "items" in node:
            node = node["items"]
        else:
            # A loc may end in a pydantic tag that is no key; the last known place is what we show.
            inside = node.get("properties", {}).get(part) or node.get("additionalProperties")
            node = inside if isinstance(inside, dict) else node
        node = _resolved(node, schema)
    return node


def _resolved(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [option for option in node.get("anyOf", []) if option.get("type") != "null"]
    null = len(node.get("anyOf", [])) > len(kinds)
    if len(kinds) > 1:
        node = {"kinds": kinds}
    elif kinds:
        node = kinds[0]
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return {**node, "nullable": True} if null else node


def _allowed(node: dict[str, Any]) -> str:
    """Return what may stand at a place, as the end of the sentence `must be …`."""
    kinds = {
        "integer": "a whole number", "number": "a number", "string": "a text", "boolean": "true or false",
        "array": "a list", "object": "a section (key: value lines)",
    }  # fmt: skip
    if "kinds" in node:
        text = " or ".join(map(_allowed, node["kinds"]))
    elif _options(node):
        text = "one of " * ("enum" in node) + ", ".join(map(str, _options(node)))
    else:
        text = kinds.get(node.get("type", ""), "valid")
        signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
        bounds = [f"{sign} {node[key]:g}" for key, sign in signs.items() if abs(node.get(key, 2**53)) < 2**53]
        text = " ".join([text, " and ".join(bounds)]).rstrip()
        if node.get("type") == "array" and "items" in node:
            text = f"a list, each {_allowed(node['items'])}" if node["items"].get("type") else text
        if node.get("minItems"):
            text += f", {node['minItems']} or more of them"
    null = ", or null" if node.get("type") == "array" else " or null"
    return text + (null if node.get("nullable") else "")


def _shown(value: object) -> str:
    """Return a value as it would stand in the file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    value = list(value) if isinstance(value, tuple) else value  # a list, after pydantic took it
    try:
        text = repr(value) if isinstance(value, str) else str(value)
    except ValueError:  # Python does not print whole numbers of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "…"


def _key(name: str) -> str:
    """Return a key as a part of a place, quoted where it would break the line."""
    return name if name.isprintable() else repr(name)


def _one_line(message: object) -> str:
    return " ".join(str(message).split())
