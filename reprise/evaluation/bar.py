"""The accuracy bar: a condition on a test metric, which `reprise bar` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from reprise.evaluation.intervals import Interval
from reprise.foundation.errors import UserError
from reprise.settings.params import Bar


class BarVerdict(NamedTuple):
    """Whether a bar is met, and what of it is or is not, in words.

    Attributes
    ----------
    met : bool
    told : str
        The conditions that are missed, or else all of them.
    """

    met: bool
    told: str


def judge_bar(bar: Bar, metrics: Mapping[str, float], intervals: Mapping[str, Interval]) -> BarVerdict:
    """Return whether the metrics of a test meet a bar.

    Raises
    ------
    UserError
        If this test has no such metric or interval.
    """
    if bar.metric not in metrics:
        known = ", ".join(metrics)
        raise UserError(f"evaluate.bar.metric: this test has no {bar.metric!r}; use one of {known}")
    if bar.interval_contains is not None and bar.metric not in intervals:
        known = ", ".join(intervals) or "none here"
        raise UserError(
            f"evaluate.bar.interval_contains: {bar.metric} has no interval; metrics with one: {known}"
        )
    conditions = list(_conditions(bar, metrics[bar.metric], intervals.get(bar.metric)))
    missed = [told for holds, told in conditions if not holds]
    return BarVerdict(not missed, "; ".join(missed or [told for _, told in conditions]))


def _conditions(bar: Bar, value: float, interval: Interval | None) -> Iterator[tuple[bool, str]]:
    """Yield for each condition whether it holds, and what is the case."""
    if bar.at_least is not None:
        yield _condition(bar.metric, value, value >= bar.at_least, "at_least", bar.at_least, "below")
    if bar.at_most is not None:
        yield _condition(bar.metric, value, value <= bar.at_most, "at_most", bar.at_most, "above")
    if bar.interval_contains is not None and interval is not None:
        holds = bar.interval_contains in interval
        verb = "contains" if holds else "does not contain"
        ends = f"interval {interval.low:.4f} to {interval.high:.4f}"
        yield holds, f"{bar.metric} {value:.4f} ({ends}) {verb} {bar.interval_contains}"


def _condition(metric: str, value: float, holds: bool, key: str, bound: float, side: str) -> tuple[bool, str]:
    if holds:
        return True, f"{metric} {value:.4f} is {key} {bound}"
    return False, f"{metric} {_apart(value, bound)} is {side} {key} {bound}"


def _apart(value: float, bar: float) -> str:
    """Return `value` with 4 decimals, or with all where those would hide that it misses the bar."""
    return f"{value:.4f}" if f"{value:.4f}" != f"{bar:.4f}" else repr(value)
