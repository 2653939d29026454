"""A class that is rare beside another: what init-data says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reprise.data.findings import IMBALANCE


class Imbalance(NamedTuple):
    """The rarest class, where the checks of the data will call it rare."""

    rare: str
    rows: int  # of that class
    all_rows: int  # of those looked at

    def __str__(self) -> str:
        return f"class {self.rare!r} has {self.rows:,} of {self.all_rows:,} rows"


def imbalance(classes: Sequence[str], counts: Sequence[int]) -> Imbalance | None:
    """Return the rarest class where another has `IMBALANCE` times as many rows.

    Parameters
    ----------
    classes : sequence of str
    counts : sequence of int
        Rows of each.
    """
    if not classes or max(counts) < IMBALANCE * min(counts):
        return None
    rare = min(range(len(classes)), key=counts.__getitem__)
    return Imbalance(classes[rare], counts[rare], sum(counts))


def note(found: Imbalance) -> str:
    """Return what a person is told of it."""
    return (
        f"note: {found}: accuracy says little, look at macro_f1; to find more of them at the price of false "
        "alarms: train.class_weights: balanced in params.yaml (a table's train.blend is none then)"
    )


def training_lines(
    classes: Sequence[str],
    found: Imbalance | None,
    has_val: bool,
    *,
    of_table: bool = False,
    bagged: bool = False,
) -> list[str]:
    """Return the lines of the train section that are about classes; none for a regression.

    Weights are offered and not chosen: they raise the recall of a rare class, and lower accuracy and most
    often F1.
    """
    if not classes:
        return []
    why = "" if found is None else f"{found}; "
    balanced = "balanced (with blend: none)" if of_table else "balanced"
    lines = [f"class_weights: none  # {why}{balanced}: more of a rare class is found, with more false alarms"]
    if len(classes) == 2 and has_val:
        whose = f"the probability from which {classes[1]!r} is predicted"
        alone = " (with folds: 1)" if bagged else ""
        lines.append(f"threshold: 0.5  # {whose}; best_f1{alone}: chosen on validation")
    return lines
