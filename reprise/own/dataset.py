"""What ``rows(settings, seed)`` of own/data.py returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Rows and their targets.

    Attributes
    ----------
    x : array
        One of (rows, features) of floats, which are normalised as `prepare.normalise` says; (rows, places) of
        whole numbers, such as words of a vocabulary, which the network gets as they are, as floats; and
        (rows, channels, height, width) of uint8, which are images.
    y : array (rows,)
        Floats: a regression. Texts: names of classes. Whole numbers: places in `classes`.
    classes : sequence of str
        Names of the classes, in order; by default the names in `y`, sorted, or its numbers.
    columns : sequence of str
        Names of a table's features; by default x_0, x_1, …
    target : str
        What is predicted.
    test : array (rows,) of bool, optional
        True for the rows of the test split; None: `prepare.split` draws one.
    source, licence : str
        In words, for the schema.
    """

    x: Any
    y: Any
    classes: Sequence[str] = ()
    columns: Sequence[str] = ()
    target: str = "target"
    test: Any = None
    source: str = "own/data.py"
    licence: str = "not stated"
