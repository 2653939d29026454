"""Free settings: what a user's own code takes, with keys that it alone knows."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

# DVC leaves keys of these names out when it looks a stage up in its run cache: changes would go unnoticed.
UNSEEN_BY_DVC = ("size", "nfiles")
PROBLEM = "free_setting"  # the type of these errors, whose message is ready to be shown


def _checked(value: object) -> object:
    """Return settings as they are, if JSON can hold all of them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check(inner, str(key) if isinstance(key, str) else repr(key), isinstance(key, str))
    return value


def _check(value: object, where: str, named: bool = True) -> None:
    if not named:
        raise PydanticCustomError(
            PROBLEM, "{where}: a key must be a text; put it in quotes", {"where": where}
        )
    if where.rpartition(".")[2] in UNSEEN_BY_DVC:
        raise PydanticCustomError(
            PROBLEM,
            "{where}: dvc does not notice changes of a key of this name; give it another",
            {"where": where},
        )
    if isinstance(value, dict):
        for key, inner in value.items():
            _check(inner, f"{where}.{key}", isinstance(key, str))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _check(inner, f"{where}.{number}")
    elif value is not None and not isinstance(value, bool | int | str | float):
        raise PydanticCustomError(
            PROBLEM,
            "{where}: must be a text, a number, true, false, null, a list or a section; found a {kind}",
            {"where": where, "kind": type(value).__name__},
        )
    elif isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError(PROBLEM, "{where}: must be a finite number", {"where": where})


Settings = Annotated[dict[str, Any], BeforeValidator(_checked)]
