"""A comparison in words, as JSON and as Markdown."""

from __future__ import annotations

import json
from typing import Any

from reprise.comparison.compare import Comparison, Difference, Disagreement
from reprise.comparison.settings import NOT_SET, Changes

Names = tuple[str, str]
VERDICT = {True: "more than chance", False: "may be chance"}


def in_words(found: Comparison, changes: Changes, names: Names) -> str:
    """Return lines for a terminal."""
    lines = [f"{names[0]} → {names[1]}: {found.task}, the same {found.rows:,} test rows"]
    lines += [f"{name}: {figures}: {told}" for name, figures, told in _figures(found, names)]
    lines.append("params that differ:" if changes else "params: the same")
    lines += [f"  {key}: {_shown(one)} → {_shown(other)}" for key, (one, other) in changes.items()]
    return "\n".join(lines)


def as_markdown(found: Comparison, changes: Changes, names: Names) -> str:
    """Return the same for a comment on a pull request."""
    lines = [
        f"### {names[0]} → {names[1]}", "",
        f"{found.task}, the same {found.rows:,} test rows", "",
        f"| metric | {names[0]} | {names[1]} | |", "|---|---:|---:|---|",
    ]  # fmt: skip
    for name, figures, told in _figures(found, names):
        lines.append(f"| {name} | {figures.replace(' → ', ' | ')} | {told} |")
    if changes:
        lines += ["", f"| parameter | {names[0]} | {names[1]} |", "|---|---|---|"]
        cells = (
            (key, *(_shown(value).replace("|", "\\|") for value in pair)) for key, pair in changes.items()
        )
        lines += [f"| `{key}` | {one} | {other} |" for key, one, other in cells]
    return "\n".join(lines)


def as_json(found: Comparison, changes: Changes, names: Names) -> dict[str, Any]:
    """Return all figures with all digits."""
    metrics: dict[str, Any] = {}
    if found.accuracy is not None:
        test = found.accuracy
        metrics["accuracy"] = {
            **_both(test),
            "only_first_right": test.only_first,
            "only_second_right": test.only_second,
            "p": test.p,
        }
    for difference in found.differences:
        metrics[difference.name] = {**_both(difference), **difference.interval._asdict()}
    return {
        "first": names[0],
        "second": names[1],
        "task": found.task,
        "rows": found.rows,
        "metrics": metrics,
        "params": {
            key: {
                side: value for side, value in zip(("first", "second"), pair, strict=True) if value != NOT_SET
            }
            for key, pair in changes.items()
        },
    }


def _both(figure: Disagreement | Difference) -> dict[str, Any]:
    return {
        "first": figure.first,
        "second": figure.second,
        "difference": figure.second - figure.first,
        "more_than_chance": figure.more_than_chance,
    }


def _figures(found: Comparison, names: Names) -> list[tuple[str, str, str]]:
    """Return each metric's name, both values, and what they mean."""
    made = []
    if found.accuracy is not None:
        test = found.accuracy
        made.append(("accuracy", f"{test.first:.4f} → {test.second:.4f}", _disagreement(test, names)))
    for difference in found.differences:
        values = [difference.first, difference.second, difference.second - difference.first]
        number = "{:.4f}" if 0.01 <= max(map(abs, values[:2])) < 10_000 else "{:.4g}"
        first, second = (number.format(value) for value in values[:2])
        change, low, high = (
            number.replace(":", ":+").format(value) for value in (values[2], *difference.interval)
        )
        told = f"{change} (0.95 interval {low} to {high}), {VERDICT[difference.more_than_chance]}"
        if difference.interval == (0.0, 0.0):
            told = "no difference"
        made.append((difference.name.replace("_", " "), f"{first} → {second}", told))
    return made


def _disagreement(test: Disagreement, names: Names) -> str:
    first, second = names
    if test.only_first == test.only_second == 0:
        return "both are right on the same rows"
    chance = "p < 0.0001" if test.p < 0.0001 else f"p = {test.p:.2g}"
    rows = "row" if test.only_second == 1 else "rows"
    return (
        f"{second} is right on {test.only_second} {rows} where {first} is wrong "
        f"and wrong on {test.only_first} where {first} is right: {chance}, {VERDICT[test.more_than_chance]}"
    )


def _shown(value: object) -> str:
    """Return a value as it would stand in the file."""
    return NOT_SET if value == NOT_SET else json.dumps(value, ensure_ascii=False, default=str).strip('"')
