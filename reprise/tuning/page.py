"""The page of a search, one file: its history, the importance of the parameters, the best trials."""

from __future__ import annotations

from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from reprise.report.drawing import FIRST, REST, SECOND, Chart, draw
from reprise.report.page import templates
from reprise.report.wording import number
from reprise.tuning.results import Results, told


def render(results: Results) -> str:
    """Return the page's HTML."""
    best = results.best
    return (
        templates("reprise.tuning")
        .get_template("tune.html")
        .render(
            title=f"{results.search.params.prepare.dataset}: search for better parameters",
            sentence=results.title(),
            charts=[history(results), *importance(results)],
            table=results.cells(),
            best=best,
            chosen=[] if best is None else [(key, told(value)) for key, value in best.drawn.items()],
            study=results.search.name,
        )
    )


def history(results: Results) -> Chart:
    """Return the chart of the trials' objective, and of the best so far."""
    objective = results.search.objective
    points = [(trial.number, trial.value) for trial in results.trials if trial.value is not None]
    better = max if objective == "accuracy" else min
    best = list(accumulate((value for _, value in points), better))

    def plot(axes: Axes) -> None:
        numbers, values = zip(*points, strict=True)
        axes.scatter(numbers, values, s=16, color=REST, linewidths=0, label="trials")
        axes.step(numbers, best, where="post", color=SECOND, label="best so far")
        axes.set(xlabel="trial", ylabel=f"validation {objective}")
        if objective == "loss" and min(values) > 0 and max(values) > 20 * min(values):
            axes.set_yscale("log")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend()

    caption = (
        f"Best after the first trial that was trained: {number(best[0])}; at the end: {number(best[-1])}."
    )
    description = (
        f"Validation {objective} of {len(points)} trials by their number, and the best so far. {caption}"
    )
    return Chart("History", draw("history", description, plot), caption)


def importance(results: Results) -> list[Chart]:
    """Return the chart of the parameters' importance; none of too few trials."""
    if not results.importance:
        return []
    keys, shares = list(results.importance)[::-1], list(results.importance.values())[::-1]

    def plot(axes: Axes) -> None:
        axes.barh(keys, shares, color=FIRST)
        axes.set(xlabel="share of what tells good trials from others")
        axes.grid(axis="y", visible=False)

    most = ", ".join(f"{key} {share:.2f}" for key, share in list(results.importance.items())[:3])
    caption = f"By PED-ANOVA over the trained trials. The most important: {most}."
    return [Chart("Importance", draw("importance", f"Bar chart. {caption}", plot), caption)]
