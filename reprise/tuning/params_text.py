"""Other values in the text of a params file, whose comments and order stay."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter


class _Representer(RoundTripRepresenter):
    """Writes null where ruamel leaves the place empty."""

    def null(self, _value: None) -> ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.null)


def with_values(text: str, keys: Iterable[str], values: Mapping[str, Any]) -> str:
    """Return the text with other values of some keys.

    Parameters
    ----------
    text : str
        Of a params file.
    keys : iterable of str
        Paths such as ``train.lr``; one without a value is taken out, and so at its default.
    values : mapping
        By path.
    """
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.preserve_quotes = True
    yaml.width = 2**16
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(text)
    for key in keys:
        _put(content, key.split("."), values, key)
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _put(content: CommentedMap, parts: list[str], values: Mapping[str, Any], key: str) -> None:
    *sections, name = parts
    inside = content
    for section in sections:
        if not isinstance(inside.get(section), dict):
            if key not in values:
                return
            inside[section] = CommentedMap()
        inside = inside[section]
    if key not in values:
        inside.pop(name, None)
    elif name not in inside or inside[name] != values[key]:
        inside[name] = _in_one_line(values[key])


def _in_one_line(value: Any) -> Any:
    """Return a value as ruamel writes it in one line: [64, 64]."""
    made: CommentedSeq | CommentedMap
    if isinstance(value, list):
        made = CommentedSeq(map(_in_one_line, value))
    elif isinstance(value, dict):
        made = CommentedMap((key, _in_one_line(inner)) for key, inner in value.items())
    else:
        return value
    made.fa.set_flow_style()
    return made
