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
from reprise.tables.types import Type
from reprise.tables.values import text_hash

Values: TypeAlias = NDArray[Any]  # (rows,): see `convert`
Features: TypeAlias = NDArray[np.float32]  # (rows, features of the column)

# Sines of k/24 turns, k = 0 … 23, and of k/7 turns. Constants: computed sines may differ in their last bit
# from one CPU to the next.
_QUARTER = (0.0, 0.25881904510252074, 0.5, 0.7071067811865476, 0.8660254037844386, 0.9659258262890683)
_HALF = (*_QUARTER, 1.0, *_QUARTER[:0:-1])
SIN24 = np.array([*_HALF, *(0.0 - value for value in _HALF)])
COS24 = np.roll(SIN24, -6)
_S7 = (0.7818314824680298, 0.9749279121818236, 0.4338837391175581)
_C7 = (0.6234898018587335, -0.2225209339563144, -0.9009688679024191)
SIN7 = np.array([0.0, *_S7, *(-value for value in reversed(_S7))])
COS7 = np.array([1.0, *_C7, *reversed(_C7)])


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


class Date(Section):
    """A date column: the year as a number, month, weekday and perhaps the hour as points of a circle."""

    kind: Literal["date"]
    name: str
    form: str = Field(description="how the dates are written")
    fill: float = Field(description="the year that stands for a missing date; its circles are 0, 0")
    missing: bool
    hours: bool = Field(description="whether times of day occur")
    mean: float = 0.0
    std: float = 1.0

    @property
    def type(self) -> Type:
        return Type("date", self.form)

    @property
    def features(self) -> tuple[str, ...]:
        circles = ("month", "weekday", "hour") if self.hours else ("month", "weekday")
        parts = ("year", *(f"{part} {axis}" for part in circles for axis in ("sin", "cos")))
        return tuple(f"{self.name} {part}" for part in (*parts, *["missing"] * self.missing))

    @property
    def statistics(self) -> list[tuple[float, float]]:
        return [(self.mean, self.std), *[(0.0, 1.0)] * (len(self.features) - 1)]

    def numbers(self, values: Values) -> NDArray[np.float64]:
        """Return the years, with missing ones filled."""
        return np.where(np.isnan(values), self.fill, date_parts(values)[0])

    def encode(self, values: Values, out: Features) -> None:
        absent = np.isnan(values)
        _, month, weekday, hour = date_parts(values)
        out[:, 0] = _scaled(self.numbers(values), self.mean, self.std)
        out[:, 1], out[:, 2] = SIN24[2 * month], COS24[2 * month]
        out[:, 3], out[:, 4] = SIN7[weekday], COS7[weekday]
        if self.hours:
            out[:, 5], out[:, 6] = SIN24[hour], COS24[hour]
        out[absent, 1:] = 0.0
        if self.missing:
            out[:, -1] = absent


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


class Text(Section):
    """A free text: nothing is learnt of it but whether it is there, if the train split has both."""

    kind: Literal["text"]
    name: str
    missing: bool

    @property
    def type(self) -> Type:
        return Type("text")

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


Code: TypeAlias = Annotated[Number | Date | Category | Text | Unused, Field(discriminator="kind")]


def date_parts(
    values: Values,
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the year, the month (0 … 11), the weekday (Monday 0) and the hour of hours, shape (rows,) each.

    The parts of a missing value (NaN) mean nothing.
    """
    total = np.where(np.isnan(values), 24.0, values).astype(np.int64)
    days = total // 24  # 1 is 0001-01-01, a Monday
    epoch = 719163  # 1970-01-01
    months = (days - epoch).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return (1970 + months // 12).astype(np.float64), months % 12, (days - 1) % 7, total % 24


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
