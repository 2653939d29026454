"""How dates become features: how long since the start, and where in the year, month, week and day.

What comes round again, such as the weekday, is a point of a circle: its sine and cosine.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from reprise.data import normalise
from reprise.foundation.elementary import circle
from reprise.prepared.schema import Statistics
from reprise.settings.params import Section
from reprise.tables.types import Type

EPOCH = 719163  # the ordinal of 1970-01-01; 1 is 0001-01-01, a Monday
CIRCLES = {"day of year": 366, "day of month": 31, "month": 12, "weekday": 7, "hour": 24}  # and their parts


class Moment(NamedTuple):
    """The parts of moments, each shape (rows,); those of a missing one mean nothing."""

    days: NDArray[np.float64]  # since the day before 0001-01-01, with the time of day as a fraction
    circles: dict[str, NDArray[np.int64]]  # by the keys of `CIRCLES`, from 0

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moment:
        """Return the parts of dates in hours (see `values.hours`), NaN for missing."""
        hours = np.where(np.isnan(values), 24.0, values)
        whole = hours.astype(np.int64)
        dates = (whole // 24 - EPOCH).astype("datetime64[D]")
        months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
        circles = {
            "day of year": (dates - years.astype("datetime64[D]")).astype(np.int64),
            "day of month": (dates - months.astype("datetime64[D]")).astype(np.int64),
            "month": (months - years.astype("datetime64[M]")).astype(np.int64),
            "weekday": (whole // 24 - 1) % 7,
            "hour": whole % 24,
        }
        return cls(hours / 24, circles)


class Date(Section):
    """A date column: the days since the start of the train split, and points of circles."""

    kind: Literal["date"]
    name: str
    form: str = Field(description="how the dates are written")
    start: int = Field(
        description="the first date of the train split, in days since the day before 0001-01-01"
    )
    fill: float = Field(description="the days that stand for a missing date; its circles are 0, 0")
    missing: bool
    hours: bool = Field(description="whether times of day occur")
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def fit(cls, name: str, form: str, values: NDArray[np.float64]) -> Date:
        """Return the code of a column's train rows (rows,), of which one at least is not missing."""
        absent = np.isnan(values)
        moment = Moment.of(values[~absent])
        start = int(moment.days.min())
        return cls(
            kind="date",
            name=name,
            form=form,
            start=start,
            fill=float(np.median(moment.days - start)),
            missing=bool(absent.any()),
            hours=bool((moment.days != np.floor(moment.days)).any()),
        )

    @property
    def type(self) -> Type:
        return Type("date", self.form)

    @property
    def circles(self) -> tuple[str, ...]:
        """The parts that are points of a circle."""
        return tuple(part for part in CIRCLES if self.hours or part != "hour")

    @property
    def features(self) -> tuple[str, ...]:
        parts = ("days", *(f"{part} {axis}" for part in self.circles for axis in ("sin", "cos")))
        return tuple(f"{self.name} {part}" for part in (*parts, *["missing"] * self.missing))

    @property
    def statistics(self) -> list[tuple[float, float]]:
        """Mean and deviation of each feature; 0 and 1 where it is taken as it is."""
        return [(self.mean, self.std), *[(0.0, 1.0)] * (len(self.features) - 1)]

    def numbers(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is standardised: the days since the start, with missing ones filled."""
        return np.where(np.isnan(values), self.fill, Moment.of(values).days - self.start)

    def encode(self, values: NDArray[np.float64], out: NDArray[np.float32]) -> None:
        absent = np.isnan(values)
        moment = Moment.of(values)
        statistics = Statistics(mean=(self.mean,), std=(self.std,))
        out[:, 0] = normalise.apply(self.numbers(values)[:, None], statistics)[:, 0]
        for number, part in enumerate(self.circles):
            sines, cosines = circle(CIRCLES[part])
            place = moment.circles[part]
            out[:, 1 + 2 * number], out[:, 2 + 2 * number] = sines[place], cosines[place]
        out[absent, 1:] = 0.0
        if self.missing:
            out[:, -1] = absent
