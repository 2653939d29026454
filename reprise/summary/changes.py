"""Which metrics differ from another revision's: ``dvc metrics diff`` of all pipelines in one table."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from reprise.evaluation.files import METRICS
from reprise.foundation.errors import RepriseError
from reprise.verification.pipelines import Pipeline
from reprise.verification.running import DVC, run

Value = int | float | str  # an older version, or own metrics, may have words among them
ORDER = ("test", "baselines")  # groups of metrics, the most important first


class Change(NamedTuple):
    """One metric that differs; None where there is no such metric."""

    pipeline: str
    metric: str
    old: Value | None
    new: Value | None


def changed_metrics(pipelines: Iterable[Pipeline], revision: str) -> list[Change]:
    """Return the metrics that differ between a revision and the workspace, in the order of the pipelines.

    Raises
    ------
    RepriseError
        If DVC can't tell.
    """
    listed = list(pipelines)
    files: dict[str, dict[str, dict[str, Value | None]]] = {}
    # The recipes are a DVC project of their own, which the main project's metrics leave out.
    for folder in dict.fromkeys(pipeline.project for pipeline in listed):
        done = run([*DVC, "metrics", "diff", "--json", revision], folder)
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise RepriseError(f"dvc metrics diff: {lines[0].removeprefix('ERROR: ')}")
        for path, metrics in json.loads(done.stdout or "{}").items():
            files[os.path.normpath(folder / path)] = metrics
    changes = []
    for pipeline in listed:
        metrics = files.get(str(pipeline.metrics / METRICS), {})
        changes += [
            Change(pipeline.name, name, metrics[name].get("old"), metrics[name].get("new"))
            for name in sorted(metrics, key=_place)
        ]
    return changes


def one_sided(changes: list[Change]) -> dict[str, str]:
    """Return the pipelines that have metrics on one side alone, and which side lacks them: "old" or "new"."""
    sides: dict[str, str] = {}
    for pipeline in dict.fromkeys(change.pipeline for change in changes):
        of_it = [change for change in changes if change.pipeline == pipeline]
        for side in ("old", "new"):
            if all(getattr(change, side) is None for change in of_it):
                sides[pipeline] = side
    return sides


def as_markdown(changes: list[Change], base: str) -> list[str]:
    """Return a table of the changes; pipelines without metrics on one side are only named, below it."""
    if not changes:
        return ["No metric differs."]
    lacking = one_sided(changes)
    lines = ["| pipeline | metric | " + base + " | now | change |", "|---|---|---:|---:|---:|"]
    for change in changes:
        if change.pipeline not in lacking:
            moved = ""
            if isinstance(change.old, int | float) and isinstance(change.new, int | float):
                moved = _shown(change.new - change.old, "+")
            cells = (change.pipeline, f"`{change.metric}`", _shown(change.old), _shown(change.new), moved)
            lines.append(f"| {' | '.join(cells)} |")
    lines = lines if len(lines) > 2 else []
    for side, where in (("old", f"in {base}"), ("new", "in this folder")):
        names = [name for name, lacks in lacking.items() if lacks == side]
        if names:
            lines += ["", f"No metrics {where}: {', '.join(names)}"]
    return lines if lines[0] else lines[1:]


def _place(name: str) -> tuple[int, str]:
    group = name.split(".")[0]
    return (ORDER.index(group) if group in ORDER else len(ORDER), name)


def _shown(value: Value | None, sign: str = "") -> str:
    if value is None:
        return "none"
    if not isinstance(value, int | float):
        return str(value).replace("|", "\\|")
    return f"{value:{sign},}" if isinstance(value, int) else f"{value:{sign}.4g}"
