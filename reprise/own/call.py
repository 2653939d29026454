"""Calling a function of own/ with its settings from the params."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from inspect import Parameter
from typing import Any

from reprise.foundation.errors import UserError, nearest
from reprise.own.errors import telling

NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)


def call(
    function: Callable[..., Any], where: str, section: str, settings: Mapping[str, Any], *arguments: Any
) -> Any:
    """Return what ``function(*arguments, **settings)`` returns.

    Parameters
    ----------
    function : callable
    where : str
        Its file and signature, for messages, such as ``own/model.py: build(schema, **settings)``.
    section : str
        Where the settings stand in the params, such as ``model.own``.
    settings : mapping
        They are copied: whatever the function does with them, the params stay as they are.

    Raises
    ------
    UserError
        One line for each setting that the function does not take or lacks, or for what it raises.
    """
    problems = _problems(function, where, section, settings, len(arguments))
    if problems:
        raise UserError(*problems)
    with telling(where):
        return function(*arguments, **deepcopy(dict(settings)))


def _problems(
    function: Callable[..., Any], where: str, section: str, settings: Mapping[str, Any], given: int
) -> list[str]:
    """Return a line for each reason why the call can't be made."""
    parameters = list(inspect.signature(function).parameters.values())
    free = any(parameter.kind == Parameter.VAR_KEYWORD for parameter in parameters)
    positional = [p for p in parameters if p.kind in (*NAMED[:1], Parameter.POSITIONAL_ONLY)]
    if len(positional) < given and not any(p.kind == Parameter.VAR_POSITIONAL for p in parameters):
        return [f"{where}: its function takes {len(positional)} arguments by position and must take {given}"]
    taken = {parameter.name for parameter in positional[:given]}
    named = {p.name: p for p in parameters if p.kind in NAMED and p.name not in taken}
    problems = []
    for name in settings:
        if name in named or (free and name not in taken):
            continue
        close = nearest(name, named)
        known = f"it takes {', '.join(named)}" if named else "it takes none"
        hint = f"did you mean {section}.{close}?" if close else known
        problems.append(f"{section}.{name}: no setting of {where}; {hint}")
    for name, parameter in named.items():
        if parameter.default is Parameter.empty and name not in settings:
            problems.append(f"{section}.{name}: missing; {where} needs it")
    return problems
