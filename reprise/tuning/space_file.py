"""Reading tune.yaml: checked against params.yaml before any trial, every problem in a line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import optuna
from pydantic import BaseModel

from reprise.foundation.errors import UserError, nearest
from reprise.foundation.files import json_text
from reprise.settings.contradictions import contradictions
from reprise.settings.params import Params
from reprise.settings.params_file import json_schema, read_yaml, validated
from reprise.tuning.space import Dimension, Tuning, category, draw, wanted

SCHEMA_FILE = "tune.schema.json"
SECTIONS = ("model", "train")  # all trials share their prepared data and are judged alike
FREE = "model.own"  # the settings of own/model.py, whose keys it alone knows
# What would change the question and not the answer.
FIXED = {
    "train.seed": "the luck of a seed is no parameter: reprise seeds shows how far it goes",
    "train.monitor": "the objective must be the same in all trials",
}
TRIES = 50  # random draws among which one at least must be allowed


def read_tuning(path: Path, base: Mapping[str, Any]) -> Tuning:
    """Read and check a search space.

    Parameters
    ----------
    path : Path
        Of tune.yaml.
    base : mapping
        The content of the params file that it is for.

    Raises
    ------
    UserError
        One line for each problem.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file; write one (docs/tuning.md), or pass --space FILE")
    content = read_yaml(path, "a section `space`, and what else docs/tuning.md names")
    tuning = validated(Tuning, content, Tuning.model_json_schema(), path)
    lines = [line for key in tuning.space for line in _of_key(key, tuning, base)]
    if not lines:
        lines = _nowhere(tuning, base)
    if lines:
        raise UserError(*(f"{path}: {line}" for line in lines))
    return tuning


def with_drawn(base: Mapping[str, Any], space: Mapping[str, Dimension], drawn: Mapping[str, Any]) -> Any:
    """Return the content of a params file with other values; a key without one is at its default."""
    content = deepcopy(dict(base))
    for key in space:
        *sections, name = key.split(".")
        inside = content
        for section in sections:
            if not isinstance(inside.get(section), dict):
                inside[section] = {}
            inside = inside[section]
        inside.pop(name, None)
        if key in drawn:
            inside[name] = drawn[key]
    return content


def schema_text() -> str:
    """Return the content of tune.schema.json: for an editor, which then knows the keys too."""
    schema = Tuning.model_json_schema()
    schema["title"] = "tune.yaml of Reprise"
    space = schema["properties"]["space"]
    dimension = space.pop("additionalProperties")
    space["properties"] = dict.fromkeys(known_keys(), dimension)
    space["patternProperties"] = {f"^{re.escape(FREE)}\\.": dimension}
    space["additionalProperties"] = False
    return json_text(schema)


def known_keys() -> list[str]:
    """Return every key that may be searched."""
    keys = [key for section in SECTIONS for key in _keys_of(Params.model_fields[section].annotation, section)]
    return [key for key in keys if key not in FIXED]


def _keys_of(kind: Any, place: str) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        key = f"{place}.{name}"
        yield key
        inner = [one for one in (field.annotation, *getattr(field.annotation, "__args__", ())) if one]
        for section in (one for one in inner if isinstance(one, type) and issubclass(one, BaseModel)):
            yield from _keys_of(section, key)


def _of_key(key: str, tuning: Tuning, base: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one key and its range."""
    where, dimension = f"space.{key}", tuning.space[key]
    if key in FIXED:
        yield f"{where}: {FIXED[key]}; leave it out"
    elif key.split(".")[0] not in SECTIONS and key.split(".")[0] in Params.model_fields:
        yield f"{where}: all trials share their data and their test; search keys of {' and '.join(SECTIONS)}"
    elif key not in known_keys() and not key.startswith(f"{FREE}."):
        close = nearest(key, known_keys())
        yield f"{where}: no key of params.yaml; " + (
            f"did you mean {close}?" if close else "such as train.lr or model.cnn.hidden"
        )
    elif (line := _of_range(dimension)) is not None:
        yield f"{where}{line}"
    else:
        yield from _of_when(where, key, tuning)
        yield from _of_values(where, key, dimension, base)


def _of_range(dimension: Dimension) -> str | None:
    """Return what a range lacks or has too much."""
    numbers = {name: getattr(dimension, name) for name in ("low", "high", "step")}
    if dimension.kind == "choice":
        extra = [name for name, value in numbers.items() if value is not None]
        if dimension.values is None:
            return ".values: missing; a choice needs a list of values"
        if extra or dimension.log:
            return f".{(extra or ['log'])[0]}: a choice has values alone; use kind: float or int for a range"
        names = [json.dumps(category(value)) for value in dimension.values]
        twice = next((name for name in names if names.count(name) > 1), None)
        return None if twice is None else f".values: {twice} stands there twice"
    return _of_numbers(dimension)


def _of_numbers(dimension: Dimension) -> str | None:
    low, high, step = dimension.low, dimension.high, dimension.step
    if dimension.values is not None:
        return f".values: kind: {dimension.kind} is a range of low and high; use kind: choice for values"
    if low is None or high is None:
        return f".{'low' if low is None else 'high'}: missing; a range needs low and high"
    if dimension.kind == "int":
        for name in ("low", "high", "step"):
            value = getattr(dimension, name)
            if value is not None and not value.is_integer():
                return f".{name}: must be a whole number with kind: int; found {value}"
    if low >= high:
        return f".high: must be above low: {low:g}; found {high:g}"
    if dimension.log and low <= 0:
        return f".low: must be > 0 with log: true; found {low:g}"
    if dimension.log and step is not None:
        return ".step: has no meaning with log: true; leave one out"
    if step is not None and not math.isclose(round((high - low) / step) * step, high - low, rel_tol=1e-9):
        return f".step: {step:g} does not lead from {low:g} to {high:g}; change one of them"
    return None


def _of_when(where: str, key: str, tuning: Tuning) -> Iterator[str]:
    above = list(tuning.space)[: list(tuning.space).index(key)]
    for other, value in tuning.space[key].when.items():
        if other not in above:
            close = nearest(other, above)
            hint = f"did you mean {close}?" if close else f"above it there are {', '.join(above) or 'none'}"
            yield f"{where}.when.{other}: no key that stands above in the space; {hint}"
            continue
        known = tuning.space[other].values
        unknown = [one for one in wanted(value) if known is None or one not in known]
        if unknown:
            told = "a range" if known is None else ", ".join(json.dumps(one) for one in known)
            yield f"{where}.when.{other}: {json.dumps(unknown[0])} is no value of its choice: {told}"


def _of_values(where: str, key: str, dimension: Dimension, base: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each value that params.yaml would refuse by its type or range."""
    whole = int if dimension.kind == "int" else float
    tried = {f".values.{number}": value for number, value in enumerate(dimension.values or [])}
    tried |= {
        f".{end}": whole(value) for end in ("low", "high") if (value := getattr(dimension, end)) is not None
    }
    for place, value in tried.items():
        content = with_drawn(base, {key: dimension}, {key: value})
        try:
            validated(Params, content, json_schema(), Path(where + place))
        except UserError as error:
            yield from (line for line in error.problems if f" {key}" in line)


def _nowhere(tuning: Tuning, base: Mapping[str, Any]) -> list[str]:
    """Return why no draw of the space is allowed; empty where one is."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=tuning.seed))
    why: list[str] = []
    for _ in range(TRIES):
        content = with_drawn(base, tuning.space, draw(tuning.space, study.ask()))
        try:
            why = contradictions(Params.model_validate(content))
        except ValueError as error:
            why = [" ".join(str(error).split())]
        if not why:
            return []
    return [f"space: of {TRIES} random draws none may stand in params.yaml: {why[0]}"]
