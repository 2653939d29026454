"""The figures that come first: one sentence, the metrics with their intervals, the models side by side."""

from __future__ import annotations

from typing import Any, NamedTuple

from reprise.report.results import Results
from reprise.report.wording import FIRST, in_order, metric, number, percent, place


class Figure(NamedTuple):
    """A metric as it is shown."""

    label: str
    value: str
    low: str  # empty: there is no interval
    high: str
    meaning: str


class Reached(NamedTuple):
    """One line of the models' table; places on its bar are in percent of the width."""

    name: str
    value: str
    here: bool
    width: float
    low: float | None
    high: float | None
    rows: str


class Verdict(NamedTuple):
    """How the model stands beside simpler ones."""

    tone: str  # good, warning or bad
    text: str


def sentence(results: Results) -> str:
    """Return the result in one sentence."""
    details, first = results.details, FIRST[results.card.task]
    value, interval = details["test"][first], details["intervals"].get(first)
    kind = "held-out" if details["test_rows_are"] == "held out" else "training"
    rows = f"{details['rows']:,} {kind} row{'' if details['rows'] == 1 else 's'}"
    shown = percent if results.card.task == "classification" else number
    ends = f"{shown(interval['low'])} to {shown(interval['high'])}" if interval else ""
    if results.card.task == "classification":
        told = f"{shown(value)} % of {rows} right" + (f" ({ends})" if ends else "")
    else:
        told = f"Off by {shown(value)} on {rows} (root mean squared error{f', {ends}' if ends else ''})"
    others = _learnt(results)
    if not others:
        return f"{told}."
    best = (max if results.card.task == "classification" else min)(
        others, key=lambda other: other["metrics"][first]
    )
    unit = " %" if results.card.task == "classification" else ""
    return f"{told}; {best['name']} reaches {shown(best['metrics'][first])}{unit}."


def figures(results: Results) -> list[Figure]:
    """Return every metric, those of metrics.json first."""
    test, intervals = results.details["test"], results.details["intervals"]
    headline = in_order(test.keys() & results.metrics["test"].keys())
    rest = in_order(test.keys() - set(headline))
    return [_figure(name, test[name], intervals.get(name)) for name in [*headline, *rest]]


def _figure(name: str, value: float, interval: dict[str, float] | None) -> Figure:
    named = metric(name)
    low, high = (number(interval["low"]), number(interval["high"])) if interval else ("", "")
    return Figure(named.label, number(value), low, high, named.meaning)


def _others(results: Results) -> list[dict[str, Any]]:
    return [*results.details["baselines"], *([results.trees] if results.trees else [])]


def _learnt(results: Results) -> list[dict[str, Any]]:
    """Return the simpler models that look at a row."""
    return [other for other in _others(results) if other["key"] not in ("majority", "mean")]


def compared(results: Results) -> list[Reached]:
    """Return this model and the simpler ones, the best first; nothing when there is none to compare with."""
    first = FIRST[results.card.task]
    here, others = results.details["test"][first], _others(results)
    if not others:
        return []
    classifies = results.card.task == "classification"
    full = 1.0 if classifies else max(here, *(other["metrics"][first] for other in others)) * 1.02 or 1.0
    interval = results.details["intervals"].get(first)
    lines = [
        (
            here,
            Reached(
                "this model", number(here), True, place(here, full),
                place(interval["low"], full) if interval else None,
                place(interval["high"], full) if interval else None,
                "",
            ),
        )
    ]  # fmt: skip
    for other in others:
        value = other["metrics"][first]
        part = f"fitted to {other['fitted_rows']:,} of {other['rows']:,} rows"
        rows = part if other["fitted_rows"] < other["rows"] else ""
        lines.append(
            (value, Reached(other["name"], number(value), False, place(value, full), None, None, rows))
        )
    lines.sort(key=lambda line: -line[0] if classifies else line[0])  # stable: this model before its equals
    return [line for _, line in lines]


def verdict(results: Results) -> Verdict | None:
    """Return how the model stands beside the simpler ones; None when there is nothing to compare with."""
    others = _others(results)
    if not others:
        return None
    first = FIRST[results.card.task]
    sign = 1.0 if results.card.task == "classification" else -1.0
    here, interval = results.details["test"][first], results.details["intervals"].get(first)
    trivial = [other for other in others if other["key"] in ("majority", "mean")]
    if any(sign * here <= sign * other["metrics"][first] for other in trivial):
        return Verdict(
            "bad", f"No better than the {trivial[0]['name']} for every row: it has learnt nothing."
        )
    better = [other for other in others if sign * other["metrics"][first] > sign * here]
    inside = [
        other
        for other in others
        if interval and interval["low"] <= other["metrics"][first] <= interval["high"]
    ]
    clearly = [other["name"] for other in better if other not in inside]
    if clearly:
        return Verdict("bad", f"Beaten by {_listed(clearly)}.")
    if inside:
        return Verdict("warning", f"Not clearly better than {_listed([other['name'] for other in inside])}.")
    return Verdict("good", "Clearly better than every simpler model on the same split.")


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def bar_met(results: Results) -> Verdict | None:
    """Return whether the evaluate stage found the bar met; None when there was none."""
    bar = results.details.get("bar")
    if bar is None:
        return None
    told = bar["told"].replace("_", " ")
    return Verdict("good", f"Bar met: {told}.") if bar["met"] else Verdict("bad", f"Bar missed: {told}.")
