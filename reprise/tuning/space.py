"""What tune.yaml holds: the parameters that are searched, in what ranges, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from reprise.settings.params import Count, Section, Seed

Objective = Literal["loss", "accuracy"]
DIGITS = 4  # of a drawn number: more say nothing, and this many can be read in params.yaml


class Dimension(Section):
    """One parameter's range."""

    kind: Literal["choice", "int", "float"]
    values: Annotated[list[Any], Field(min_length=1)] | None = Field(
        None, description="choice: what to choose from, lists and sections too"
    )
    low: float | None = Field(None, description="int, float: the least value")
    high: float | None = Field(None, description="int, float: the greatest value")
    step: Annotated[float, Field(gt=0.0)] | None = Field(
        None, description="int, float: between two values; null: 1 for int, any number for float"
    )
    log: bool = Field(False, description="int, float: drawn by orders of magnitude, as fits a learning rate")
    when: dict[str, Any] = Field(
        default_factory=dict,
        description="searched only where keys above have these values, or one of a list; else at its default",
    )

    def applies(self, drawn: Mapping[str, Any]) -> bool:
        """Return whether the parameter is searched beside those that were drawn before."""
        return all(key in drawn and drawn[key] in wanted(value) for key, value in self.when.items())


class Prune(Section):
    """When a trial is ended early: its validation metric is worse than the median at the same epoch."""

    trials: Count = Field(5, description="that are trained to their end before any is ended early")
    epochs: Count = Field(5, description="that every trial gets")


class Tuning(Section):
    """The whole of tune.yaml."""

    objective: Objective | None = Field(
        None, description="of the validation split; null: what train.monitor says"
    )
    seed: Seed = Field(1, description="decides which trials are made")
    startup: Count = Field(10, description="trials drawn at random before the search learns from them")
    prune: Prune | None = Field(Prune(), description="null: every trial is trained to its end")
    space: Annotated[dict[str, Dimension], Field(min_length=1)] = Field(
        description="the parameters, such as train.lr, in the order of their drawing"
    )


class Draws(Protocol):
    """What draws values: a trial of Optuna's."""

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """Draw one of several."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Draw a whole number."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """Draw a number."""


def draw(space: Mapping[str, Dimension], by: Draws) -> dict[str, Any]:
    """Return a value for each parameter that applies, in their order."""
    drawn: dict[str, Any] = {}
    for key, dimension in space.items():
        if dimension.applies(drawn):
            drawn[key] = _value(key, dimension, by)
    return drawn


def _value(key: str, dimension: Dimension, by: Draws) -> Any:
    if dimension.kind == "choice":
        values = dimension.values or []
        names = [category(value) for value in values]
        return values[names.index(by.suggest_categorical(key, names))]
    low, high, log = dimension.low or 0.0, dimension.high or 0.0, dimension.log
    if dimension.kind == "int":
        return by.suggest_int(key, int(low), int(high), step=int(dimension.step or 1), log=log)
    value = by.suggest_float(key, low, high, step=dimension.step, log=log)
    if dimension.step is not None:
        return float(f"{value:.10g}")  # 0.1 + 2 · 0.1 is 0.3 here
    return min(high, max(low, float(f"{value:.{DIGITS}g}")))


def category(value: Any) -> Any:
    """Return what stands for a value in Optuna, which knows no lists and sections."""
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value


def wanted(value: Any) -> list[Any]:
    """Return the values that a condition allows."""
    return value if isinstance(value, list) else [value]
