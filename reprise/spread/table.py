"""The table of a spread: a row for each run, then mean, standard deviation, least and most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from reprise.evaluation.judged import HEADLINE
from reprise.spread.layout import MISSING

Metrics = Mapping[str, float]
FIRST = (*HEADLINE["classification"], *HEADLINE["regression"])  # in this order, then a user's own
SPOKEN = ("accuracy", "log_loss", "rmse", "mae")


class Summary(NamedTuple):
    """Of one metric over the runs that have it.

    Attributes
    ----------
    mean, sd, min, max : float
        The standard deviation is that of a sample, with runs - 1 below; 0 of a single run.
    """

    mean: float
    sd: float
    min: float
    max: float


def summaries(runs: Sequence[Metrics]) -> dict[str, Summary]:
    """Return the summary of each metric, over the runs that have it: without one class there is no AUC."""
    names = dict.fromkeys(name for run in runs for name in run)
    order = sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    return {name: _summary([run[name] for run in runs if name in run]) for name in order}


def _summary(values: Sequence[float]) -> Summary:
    sd = stdev(values) if len(values) > 1 else 0.0
    return Summary(fmean(values), sd, min(values), max(values))


def cells(what: str, runs: Mapping[str, Metrics]) -> list[list[str]]:
    """Return the table as texts, header first.

    Parameters
    ----------
    what : str
        What a run is called: seed or fold.
    runs : mapping
        The metrics of each run, by its name.
    """
    made = summaries(list(runs.values()))
    texts = {name: _format(summary) for name, summary in made.items()}
    table = [[what, *made]]
    for run, metrics in runs.items():
        row = [texts[name].format(metrics[name]) if name in metrics else MISSING for name in made]
        table.append([run, *row])
    figures = (
        [figure, *(texts[name].format(getattr(made[name], figure)) for name in made)]
        for figure in Summary._fields
    )
    return [*table, *figures]


def _format(summary: Summary) -> str:
    """Return the format of a metric: four decimals where these tell something, else four digits."""
    largest = max(abs(summary.min), abs(summary.max))
    return "{:.4f}" if 0.01 <= largest < 10_000 or largest == 0 else "{:.4g}"


def in_words(what: str, runs: Sequence[Metrics]) -> list[str]:
    """Return mean ± standard deviation of the metrics that people compare first, as lines."""
    made = summaries(runs)
    lines = []
    for name, summary in ((name, made[name]) for name in SPOKEN if name in made):
        number = _format(summary)
        told = f"{number.format(summary.mean)} ± {number.format(summary.sd)}"
        lines.append(f"{name} {told} (mean ± standard deviation of {len(runs)} {what}s)")
    if len(runs) > 1 and all(run == runs[0] for run in runs):
        lines.append(f"every {what} gave the same figures: nothing in this training is random")
    return lines
