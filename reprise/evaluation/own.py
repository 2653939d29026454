"""``evaluate.own``: the extra metrics that metrics() of own/metrics.py returns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reprise.foundation.errors import UserError
from reprise.own.call import call
from reprise.own.code import load, project_code
from reprise.prepared.schema import Schema

PLACE = "own/metrics.py"
SIGNATURE = "metrics(schema, actual, predicted, probabilities, **settings)"


def own_metrics(
    settings: Mapping[str, Any] | None,
    schema: Schema,
    actual: NDArray[Any],
    predicted: NDArray[Any],
    probabilities: NDArray[np.float64] | None,
    taken: Mapping[str, object],
) -> dict[str, float]:
    """Return the extra metrics of the test rows.

    Parameters
    ----------
    settings : mapping
        `evaluate.own` of the params; None: there are none.
    schema : Schema
    actual, predicted : array (rows,)
        Class numbers (int64), or values in their own unit (float64). Copies are handed on.
    probabilities : array (rows, classes), optional
        Of each class; None for a regression.
    taken : mapping
        The metrics that there are already.

    Raises
    ------
    UserError
        If the code fails, or a metric is no finite number or has a name that is taken.
    """
    if settings is None:
        return {}
    function = load(project_code(), "metrics", SIGNATURE).metrics
    rows = [None if array is None else array.copy() for array in (actual, predicted, probabilities)]
    made = call(function, f"{PLACE}: {SIGNATURE}", "evaluate.own", settings, schema, *rows)
    if not isinstance(made, Mapping):
        kind = "None" if made is None else type(made).__name__
        raise UserError(f"{PLACE}: metrics must return a dict of numbers by name, not {kind}")
    problems = list(filter(None, (_problem(name, value, taken) for name, value in made.items())))
    if problems:
        raise UserError(*(f"{PLACE}: metrics: {problem}" for problem in problems))
    return {name: float(value) for name, value in made.items()}


def _problem(name: object, value: object, taken: Mapping[str, object]) -> str | None:
    if not isinstance(name, str) or not name:
        return f"{name!r} is no name; names are texts"
    if name in taken or name.removesuffix("_low").removesuffix("_high") in taken:
        return f"{name!r} is reported already; give it another name"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return f"{name!r} must be a number; found {type(value).__name__}"
    return None if math.isfinite(float(value)) else f"{name!r} is {float(value)}; it must be finite"
