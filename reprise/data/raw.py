"""What every built-in source hands over: all rows in memory, not yet split or normalised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reprise.prepared.schema import OwnRows


@dataclass(frozen=True, eq=False)
class Raw:
    """A dataset as its source has it.

    Attributes
    ----------
    x : array (rows, features) of float64, or of int64 (see `whole_numbers`), or (rows, channels, height,
        width) of uint8
    y : array (rows,) of int64 class numbers or float64 values
    columns : names of a table's features, in order; empty for images
    target : name of what is predicted
    classes : class names by number; empty for a regression
    official_test : array (rows,) of bool, True where the source itself says test; None: it doesn't say
    source, licence : in words, for the schema
    raw : SHA-256 by name of the files that were read; empty when there were none
    own : how own/data.py makes new rows into features, if it does
    """

    x: NDArray[Any]
    y: NDArray[Any]
    columns: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    task: Literal["classification", "regression"]
    layout: Literal["table", "images"]
    official_test: NDArray[np.bool_] | None
    source: str
    licence: str
    raw: dict[str, str]
    own: OwnRows | None = None

    @property
    def whole_numbers(self) -> bool:
        """Whether x is a table of whole numbers, such as places of words: they are never normalised."""
        return self.x.dtype.kind == "i"
