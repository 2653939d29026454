"""Which parameters differ between two params files."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reprise.foundation.errors import UserError

NOT_SET = "not set"
Changes = dict[str, tuple[Any, Any]]


def changed_params(first: str, second: str, names: tuple[str, str]) -> Changes:
    """Return the values of both by the key, for keys that differ; NOT_SET where a file has no such key.

    Parameters
    ----------
    first, second : str
        The contents of the files.
    names : tuple of str
        What they are called in messages.
    """
    before, after = (_flat(_content(text, name)) for text, name in zip((first, second), names, strict=True))
    keys = [*before, *(key for key in after if key not in before)]
    pairs = ((key, (before.get(key, NOT_SET), after.get(key, NOT_SET))) for key in keys)
    found = {key: pair for key, pair in pairs if pair[0] != pair[1]}
    sections = {key for key in found for other in found if other.startswith(f"{key}.")}
    return {
        key: pair for key, pair in found.items() if key not in sections
    }  # null beside the keys of a section


def _content(text: str, name: str) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise UserError(f"{name}: its params file is not valid YAML; correct it") from None
    return content if isinstance(content, dict) else {}


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, dict) and value:
            made |= _flat(value, f"{prefix}{key}.")
        else:
            made[f"{prefix}{key}"] = value
    return made
