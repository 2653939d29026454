"""A class that is rare beside another: what init-data says of it and chooses because of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from reprise.data.findings import IMBALANCE


class Imbalance(NamedTuple):
    """The rarest class, where the checks of the data will call it rare."""

    rare: str
    rows: int  # of that class
    all_rows: int  # of those looked at
    classes: int

    def __str__(self) -> str:
        return f"class {self.rare!r} has {self.rows:,} of {self.all_rows:,} rows"

    @property
    def is_balanced(self) -> bool:
        """Whether balanced weights are chosen.

        Of two classes the rare one is most often what is looked for. Of many, one with hardly a row would
        weigh so much that it disturbs the others: there they are offered.
        """
        return self.classes == 2


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
    return Imbalance(classes[rare], counts[rare], sum(counts), len(classes))


def note(found: Imbalance) -> str:
    """Return what a person is told of it."""
    if found.is_balanced:
        return f"note: {found}: both classes are made to count the same (train.class_weights: balanced)"
    return f"note: {found}: train.class_weights: balanced would make all classes count the same"


def training_lines(classes: Sequence[str], found: Imbalance | None, has_val: bool) -> list[str]:
    """Return the lines of the train section that are about classes; none for a regression."""
    if not classes:
        return []
    if found is None:
        weights = ["class_weights: none  # balanced: rare classes count as much as common ones"]
    elif found.is_balanced:
        weights = [f"class_weights: balanced  # {found}; none: each row counts the same"]
    else:
        weights = [f"class_weights: none  # {found}; balanced: all classes count the same"]
    if len(classes) == 2 and has_val:
        whose = f"the probability from which {classes[1]!r} is predicted"
        weights.append(f"threshold: 0.5  # {whose}; best_f1: chosen on validation")
    return weights
