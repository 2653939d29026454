"""How the values of a column become features, and the features' names.

A code is fitted on the train split (see `fit`), stored in the schema and applied by all who see new rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from reprise.data import normalise
from reprise.prepared.schema import Floats, Statistics, Texts
from reprise.settings.params import Section
from reprise.tables.dates import Date
from reprise.tables.texts import Text
from reprise.tables.types import Type
from reprise.tables.values import text_hash

Values: TypeAlias = NDArray[Any]  # (rows,): see `convert`
Features: TypeAlias = NDArray[np.float32]  # (rows, features of the column)


class Number(Section):
    """A numeric or boolean column: one feature, ``(value - mean) / std``, and perhaps an indicator."""

    kind: Literal["numeric", "boolean"]
    name: str
    fill: float = Field(description="stands for a missing value: the median, or a boolean's usual value")
    missing: bool = Field(description="a second feature tells whether the value is missing")
    mean: float = 0.0
    std: float = 1.0

    @property
    def type(self) -> Type:
        return Type(self.kind)

    @property
    def features(self) -> tuple[str, ...]:
        return (self.name, f"{self.name} missing") if self.missing else (self.name,)

    @property
    def statistics(self) -> list[tuple[float, float]]:
        """Mean and deviation of each feature; 0 and 1 where it is taken as it is."""
        return [(self.mean, self.std), *[(0.0, 1.0)] * self.missing]

    def numbers(self, values: Values) -> NDArray[np.float64]:
        """Return what is standardised: the values with the missing ones filled."""
        return np.where(np.isnan(values), self.fill, values)

    def encode(self, values: Values, out: Features) -> None:
        out[:, 0] = _scaled(self.numbers(values), self.mean, self.std)
        if self.missing:
            out[:, 1] = np.isnan(values)


class Category(Section):
    """A categorical column.

    one_hot: a feature for each category of the train split and one for any other. hash: a category's
    hash chooses one of `buckets` features, seen or not. frequency: the category's share of the train
    rows, and a feature for those not seen. A missing value has a feature of its own if the train split
    has any; else it counts as not seen.
    """

    kind: Literal["categorical"]
    name: str
    code: Literal["one_hot", "hash", "frequency"]
    categories: Texts = Field((), description="sorted; empty for hash")
    shares: Floats = Field((), description="frequency: of each category")
    buckets: int = Field(0, description="hash: how many features")
    missing: bool

    @property
    def type(self) -> Type:
        return Type("categorical")

    @property
    def features(self) -> tuple[str, ...]:
        names = {
            "one_hot": [
                *(f"{self.name}={category}" for category in self.categories),
                f"{self.name}=(unseen)",
            ],
            "hash": [f"{self.name}#{number}" for number in range(1, self.buckets + 1)],
            "frequency": [f"{self.name} frequency", f"{self.name}=(unseen)"],
        }[self.code]
        return (*names, f"{self.name} missing") if self.missing else tuple(names)

    @property
    def statistics(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * len(self.features)

    def encode(self, values: Values, out: Features) -> None:
        absent = values == 0
        out[:] = 0.0
        if self.missing:
            out[:, -1] = absent
        present = np.flatnonzero(~absent) if self.missing or self.code == "hash" else np.arange(len(values))
        if self.code == "hash":
            out[present, values[present] % np.uint64(self.buckets)] = 1.0
            return
        number = positions(values[present], self.categories)
        if self.code == "one_hot":
            out[present, number] = 1.0
        else:
            out[present, 0] = np.array([*self.shares, 0.0])[number]
            out[present, 1] = number == len(self.categories)


class Presence(Section):
    """A column of which nothing is learnt but whether there is a value, if the train split has both."""

    kind: Literal["presence"]
    name: str
    missing: bool

    @property
    def type(self) -> Type:
        return Type("presence")

    @property
    def features(self) -> tuple[str, ...]:
        return (f"{self.name} missing",) if self.missing else ()

    @property
    def statistics(self) -> list[tuple[float, float]]:
        return [(0.0, 1.0)] * len(self.features)

    def encode(self, values: Values, out: Features) -> None:
        if self.missing:
            out[:, 0] = values == 0


class Unused(Section):
    """A column without features: it has no value in the train split, or it only counts the rows."""

    kind: Literal["empty", "row_number"]
    name: str

    @property
    def type(self) -> Type:
        return Type("empty")

    @property
    def features(self) -> tuple[str, ...]:
        return ()

    @property
    def statistics(self) -> list[tuple[float, float]]:
        return []

    def encode(self, values: Values, out: Features) -> None:
        pass


Code: TypeAlias = Annotated[Number | Date | Category | Text | Presence | Unused, Field(discriminator="kind")]


def positions(hashes: Values, categories: tuple[str, ...]) -> NDArray[np.int64]:
    """Return each value's place in `categories`, or their number for one that is not there."""
    known, order = _sorted_hashes(categories)
    place = np.searchsorted(known, hashes)
    found = known[np.minimum(place, len(known) - 1)] == hashes
    return np.where(found, order[np.minimum(place, len(known) - 1)], len(categories))


@lru_cache(maxsize=1024)
def _sorted_hashes(categories: tuple[str, ...]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    hashes = np.array([text_hash(category) for category in categories], np.uint64)
    order = np.argsort(hashes, kind="stable")
    return hashes[order], order


def _scaled(values: NDArray[np.float64], mean: float, std: float) -> NDArray[np.float32]:
    return normalise.apply(values[:, None], Statistics(mean=(mean,), std=(std,)))[:, 0]
