"""The accuracy bar: a condition on a test metric that fails the build when it is missed."""

from __future__ import annotations

from collections.abc import Mapping

from reprise.evaluation.intervals import Interval
from reprise.foundation.errors import UserError
from reprise.settings.params import Bar


def check_bar(bar: Bar, metrics: Mapping[str, float], intervals: Mapping[str, Interval]) -> str:
    """Return what was met, as a sentence.

    Raises
    ------
    UserError
        One line for each condition that was missed, or that this test can't answer.
    """
    if bar.metric not in metrics:
        known = ", ".join(metrics)
        raise UserError(f"evaluate.bar.metric: this test has no {bar.metric!r}; use one of {known}")
    value = metrics[bar.metric]
    met: list[str] = []
    missed: list[str] = []
    if bar.at_least is not None:
        if value >= bar.at_least:
            met.append(f"{bar.metric} {value:.4f} is at_least {bar.at_least}")
        else:
            missed.append(f"{bar.metric} {_apart(value, bar.at_least)} is below at_least {bar.at_least}")
    if bar.at_most is not None:
        if value <= bar.at_most:
            met.append(f"{bar.metric} {value:.4f} is at_most {bar.at_most}")
        else:
            missed.append(f"{bar.metric} {_apart(value, bar.at_most)} is above at_most {bar.at_most}")
    if bar.interval_contains is not None:
        if bar.metric not in intervals:
            known = ", ".join(intervals) or "none here"
            raise UserError(
                f"evaluate.bar.interval_contains: {bar.metric} has no interval; metrics with one: {known}"
            )
        interval = intervals[bar.metric]
        text = f"{bar.metric} {value:.4f} (interval {interval.low:.4f} to {interval.high:.4f})"
        if bar.interval_contains in interval:
            met.append(f"{text} contains {bar.interval_contains}")
        else:
            missed.append(f"{text} does not contain {bar.interval_contains}")
    if missed:
        raise UserError(*[f"evaluate.bar: {line}" for line in missed])
    return "; ".join(met)


def _apart(value: float, bar: float) -> str:
    """Return `value` with 4 decimals, or with all where those would hide that it misses the bar."""
    return f"{value:.4f}" if f"{value:.4f}" != f"{bar:.4f}" else repr(value)
