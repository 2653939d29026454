"""What each column of a table is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from reprise.foundation.errors import UserError, nearest
from reprise.settings.params import Csv
from reprise.tables.names import clean
from reprise.tables.types import Kind


class Roles(NamedTuple):
    """The columns by what they are for."""

    features: tuple[str, ...]
    target: str
    group: str | None
    id: str | None
    dropped: tuple[str, ...]
    by: str | None  # what orders the rows, a feature or not
    declared: dict[str, Kind]  # the types that the params set


def mentioned(csv: Csv, by: str | None = None) -> dict[str, str]:
    """Return the parameter that mentions each column, by the column's clean name."""
    single = {"target": csv.target, "id": csv.id, "group": csv.group}
    several = {"drop": csv.drop, "dates": csv.dates, "types": tuple(csv.types)}
    found: dict[str, str] = {}
    for key, names in [
        *((key, (name,)) for key, name in single.items() if name is not None),
        *several.items(),
    ]:
        for name in names:
            found.setdefault(clean(name), f"prepare.csv.{key}")
    if by is not None:
        found.setdefault(clean(by), "prepare.split.by")
    return found


def find_roles(names: Sequence[str], csv: Csv, where: str, header: bool, by: str | None = None) -> Roles:
    """Return what each column is for; `by` is the one that orders the rows.

    Raises
    ------
    UserError
        If the params mention a column that is not there, or no column is left to learn from.
    """
    problems = list(_unknown(names, mentioned(csv, by), where, header))
    if problems:
        raise UserError(*problems)
    target, dropped = clean(csv.target), tuple(map(clean, csv.drop))
    one_id, group = (None if name is None else clean(name) for name in (csv.id, csv.group))
    features = tuple(name for name in names if name not in (target, one_id, group, *dropped))
    if not features:
        raise UserError(
            f"{where}: no column to learn from is left beside {target!r}; the columns are "
            f"{_listed(names)}. Is prepare.csv.separator right?"
        )
    declared: dict[str, Kind] = dict.fromkeys(map(clean, csv.dates), "date")
    declared |= {clean(name): kind for name, kind in csv.types.items()}
    return Roles(features, target, group, one_id, dropped, None if by is None else clean(by), declared)


def _unknown(names: Sequence[str], known: dict[str, str], where: str, header: bool) -> Iterator[str]:
    for name, key in known.items():
        if name not in names:
            close = nearest(name, names)
            hint = f"did you mean {close!r}? " if close else ""
            first = "" if header else "the first row was taken for data (prepare.csv.header), and "
            yield f"{key}: no column {name!r} in {where}; {hint}{first}the columns are {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(name if len(name) <= 40 else f"{name[:39]}…" for name in names[:20]) + more
