"""The summary: each pipeline's headline figure, what differs from a base commit, and whether it is chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reprise.comparison import words
from reprise.comparison.experiments import compare_experiments
from reprise.comparison.revisions import WORKSPACE, check_revision, text_of
from reprise.evaluation.files import DETAILS, PREDICTIONS
from reprise.evaluation.judged import HEADLINE
from reprise.foundation.errors import RepriseError
from reprise.foundation.files import read_json
from reprise.summary.changes import as_markdown, changed_metrics, one_sided
from reprise.verification.pipelines import Pipeline, pipelines

SHA = 40  # characters of a whole commit hash, of which people read the first
SHORT = 9


def summary(base: str | None) -> str:
    """Return the summary of the project in the current folder as Markdown.

    What can't be told, because it was never run or isn't in this clone, is said in its place in a line: a
    summary that fails would hide the rest.

    Parameters
    ----------
    base : str or None
        The revision to compare with: whatever git or DVC knows.
    """
    known = pipelines(Path())
    lines = ["## Results", "", *_figures(known), ""]
    if base is None:
        return "\n".join([*lines, "No base was given, so nothing is compared."])
    try:
        check_revision(base)
    except RepriseError as error:
        return "\n".join([*lines, f"Nothing is compared: {error}"])
    base = base[:SHORT] if len(base) == SHA else base
    lines += [f"## Beside {base}", ""]
    compared = {"main"}
    try:
        changes = changed_metrics(known, base)
        lines += as_markdown(changes, base)
        compared = compared | {change.pipeline for change in changes} - one_sided(changes).keys()
    except RepriseError as error:
        lines.append(f"Metrics can't be compared: {error}")
    for pipeline in known:
        if pipeline.name in compared:
            lines += ["", *_comparison(pipeline, base)]
    return "\n".join(lines)


def _figures(known: list[Pipeline]) -> list[str]:
    """Return a table of the first metric of each pipeline that was evaluated, and a line about the others."""
    lines = ["| pipeline | test rows | metric | value | interval |", "|---|---:|---|---:|---|"]
    missing = []
    for pipeline in known:
        path = pipeline.metrics / DETAILS
        if not path.is_file():
            missing.append(pipeline.name)
            continue
        lines.append(_row(pipeline.name, read_json(path)))
    told = f"Not evaluated in this folder: {', '.join(missing)}"
    if len(missing) == len(known):
        return [told]
    return [*lines, "", told] if missing else lines


def _row(name: str, details: dict[str, Any]) -> str:
    metric = HEADLINE[details["task"]][0]
    interval = details["intervals"].get(metric)
    between = "" if interval is None else f"{interval['low']:.4g} to {interval['high']:.4g}"
    return f"| {name} | {details['rows']:,} | {metric} | {details['test'][metric]:.4g} | {between} |"


def _comparison(pipeline: Pipeline, base: str) -> list[str]:
    """Return the comparison of a pipeline's predictions, or why there is none."""
    head = f"### {pipeline.name}: {base} → {WORKSPACE}"
    path = pipeline.metrics / PREDICTIONS
    names = (base, WORKSPACE)
    try:
        before, now = (text_of(path, rev) for rev in names)
        found, changes = compare_experiments(pipeline.params, pipeline.metrics, names)
    except RepriseError as error:
        return [head, "", f"Predictions can't be compared: {error}"]
    if before == now and not changes:
        return [head, "", f"The same predictions for all {found.rows:,} test rows, to the last digit."]
    return [head, *words.as_markdown(found, changes, names).split("\n")[1:]]
