"""What `reprise seeds` and `reprise folds` tell: on the terminal, as JSON and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reprise.comparison.figures import with_intervals
from reprise.comparison.predictions import joined, read_predictions
from reprise.evaluation.files import PREDICTIONS
from reprise.evaluation.intervals import Interval
from reprise.spread import table
from reprise.spread.layout import aligned, markdown
from reprise.spread.runs import RESULTS, Run

Pooled = dict[str, tuple[float, Interval]]


class Report:
    """The figures of all runs.

    Parameters
    ----------
    what : str
        What a run is called: seed or fold.
    title : str
        What was trained, in a line.
    runs : sequence of Run
        All finished.
    """

    def __init__(self, what: str, title: str, runs: Sequence[Run]) -> None:
        self.what, self.title = what, title
        self.runs = {run.name: run.metrics() for run in runs}
        self.pooled = pooled(runs) if what == "fold" else {}

    def text(self) -> str:
        """Return the lines for a terminal."""
        lines = [self.title, aligned(table.cells(self.what, self.runs))]
        return "\n".join([*lines, *self._words()])

    def markdown(self) -> str:
        """Return the same for a comment on a pull request."""
        lines = [f"### {self.title}", "", markdown(table.cells(self.what, self.runs)), ""]
        return "\n".join([*lines, *(f"- {line}" for line in self._words()), ""])

    def json(self) -> dict[str, Any]:
        """Return all figures with all digits."""
        made: dict[str, Any] = {
            "of": f"{self.what}s",
            "runs": {name: dict(metrics) for name, metrics in self.runs.items()},
            "metrics": {
                name: summary._asdict() for name, summary in table.summaries(list(self.runs.values())).items()
            },
        }
        if self.pooled:
            made["pooled"] = {
                name: {"value": value, **between._asdict()} for name, (value, between) in self.pooled.items()
            }
        return made

    def _words(self) -> list[str]:
        lines = table.in_words(self.what, list(self.runs.values()))
        if self.pooled:
            figures = [
                f"{name.replace('_', ' ')} {value:.4f} (0.95 interval {low:.4f} to {high:.4f})"
                for name, (value, (low, high)) in self.pooled.items()
            ]
            lines.append(f"all tested rows together: {', '.join(figures)}")
        return lines


def pooled(runs: Sequence[Run]) -> Pooled:
    """Return the figures of all folds' rows together, each predicted by a model that had not seen it."""
    paths = [run.folder / RESULTS / PREDICTIONS for run in runs]
    return with_intervals(
        joined([read_predictions(path.read_text(encoding="utf-8"), str(path)) for path in paths])
    )
