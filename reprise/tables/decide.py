"""As what each column of a table is read."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.foundation.errors import UserError
from reprise.settings.params import Csv
from reprise.tables.roles import Roles
from reprise.tables.types import Ambiguous, Tally, Type, infer


def inferred(roles: Roles) -> list[str]:
    """Return the columns whose types are inferred or declared, each once."""
    by = () if roles.by is None else (roles.by,)
    return list(dict.fromkeys((*roles.features, roles.target, *by)))


def decide(tallies: Mapping[str, Tally], roles: Roles, csv: Csv, *, final: bool = True) -> dict[str, Type]:
    """Return the type of each column to read.

    Parameters
    ----------
    tallies : mapping of str to Tally
        Of the cells of each column.
    roles : Roles
    csv : Csv
    final : bool
        Whether all rows were counted. If not, dates that may be read two ways are no reason to stop.

    Raises
    ------
    UserError
        If dates can be read two ways.
    """
    types = {}
    for name in inferred(roles):
        declared = roles.declared.get(name)
        if name == roles.target and csv.task == "regression":
            declared = "numeric"
        try:
            types[name] = infer(tallies[name], declared, csv.day_first)
        except Ambiguous:
            if final and name != roles.target:
                raise UserError(
                    f"column {name!r}: dates such as 01/02/2024 may start with the day or the month; set "
                    f"prepare.csv.day_first to yes or no, or prepare.csv.types to {{{name}: categorical}}"
                ) from None
            types[name] = Type("categorical")
    if types[roles.target].kind != "numeric":
        types[roles.target] = Type("categorical")
    if roles.group is not None:
        types[roles.group] = Type("categorical")
    return types
