"""Layers of tables' networks: what each becomes."""

from __future__ import annotations

from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Draft, Kind, Refused
from reprise.arithmetic.structures import Piecewise
from reprise.arithmetic.table_layers import Members, Quantiles
from reprise.arithmetic.views import View


def quantiles(b: Builder, name: str, layer: Quantiles, x: View) -> View:
    """Return scores and filled bins of the numbers among the columns."""
    if len(x.row) != 1:
        raise Refused(f"takes the columns of a table, but its input is {x.row}")
    x = b.row_major(x)
    sizes = Piecewise(layer.features, x.floats, layer.knots, layer.bins)
    draft = Draft(Kind.PIECEWISE, x.source, weight=f"{name}.table", shape=sizes)
    return b.append(draft, layer.features, 1 + layer.bins)


def members(b: Builder, name: str, layer: Members, x: View) -> View:
    """Return the members' common answer; in training their outputs."""
    if x.row != (layer.members * layer.outputs,):
        raise Refused(f"takes {layer.members} times {layer.outputs} outputs, but its input is {x.row}")
    x = b.row_major(x)
    draft = Draft(
        Kind.MEMBERS, x.source, weight=f"{name}.weight", bias=f"{name}.range",
        pixels=layer.members, channels=layer.outputs, choice=layer.answer,
    )  # fmt: skip
    return b.append(draft, x.floats if layer.training else layer.outputs)
