"""What a search found: on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from reprise.report.wording import number
from reprise.spread.layout import MISSING, aligned
from reprise.tuning.search import Search
from reprise.tuning.study import DRAWN, EXPERIMENT, FIGURES, SAME, WHY

SHOWN = 10  # trials of the table
LEAST = 0.01  # importance that is told


class Finished(NamedTuple):
    """A trial that is done.

    Attributes
    ----------
    number : int
    drawn : dict
        The values of the parameters that were searched.
    value : float or None
        The objective; None: pruned or refused.
    figures : dict
        Validation figures of the weights that were kept.
    experiment : str or None
        The name that DVC knows it under.
    ended : str
        trained, repeated (as an earlier one), pruned or refused.
    """

    number: int
    drawn: dict[str, Any]
    value: float | None
    figures: dict[str, float]
    experiment: str | None
    ended: str


class Results:
    """The finished trials of a search.

    Parameters
    ----------
    search : Search
    trials : sequence of FrozenTrial
    importance : mapping
        Of each parameter that was searched, the most important first.
    """

    def __init__(
        self, search: Search, trials: Sequence[FrozenTrial], importance: Mapping[str, float]
    ) -> None:
        self.search = search
        self.trials = [_finished(trial) for trial in trials]
        self.importance = dict(importance)
        sign = -1.0 if search.objective == "accuracy" else 1.0
        trained = [(sign * trial.value, trial) for trial in self.trials if trial.value is not None]
        self.ranked = [trial for _, trial in sorted(trained, key=lambda pair: (pair[0], pair[1].number))]

    @property
    def best(self) -> Finished | None:
        """The trial with the best objective, the earliest of several."""
        return self.ranked[0] if self.ranked else None

    def title(self) -> str:
        """Return what was searched and how the trials ended, in a line."""
        ends = [trial.ended for trial in self.trials]
        told = [
            f"{ends.count(end)} {end}" for end in ("trained", "repeated", "pruned", "refused") if end in ends
        ]
        search = self.search
        return (
            f"{search.params.prepare.dataset}: {len(ends)} trials of {search.file}: {', '.join(told)}; "
            f"by the validation {search.objective}"
        )

    def cells(self) -> list[list[str]]:
        """Return the table of the best trials as texts, header first; one of those with the same values."""
        keys = list(self.search.tuning.space)
        last = [key.rsplit(".", 1)[-1] for key in keys]
        names = [short if last.count(short) == 1 else key for key, short in zip(keys, last, strict=True)]
        shown = [trial for trial in self.ranked if trial.ended != "repeated"][:SHOWN]
        figures = list(dict.fromkeys(name for trial in shown for name in trial.figures))
        rows = [
            [
                str(trial.number),
                *(number(trial.figures[name]) if name in trial.figures else MISSING for name in figures),
                *(told(trial.drawn[key]) if key in trial.drawn else MISSING for key in keys),
                *([trial.experiment] if trial.experiment else []),
            ]
            for trial in shown
        ]
        named = ["experiment"] if any(trial.experiment for trial in shown) else []
        return [["trial", *figures, *names, *named], *rows]

    def text(self) -> str:
        """Return the lines for a terminal."""
        if self.best is None:
            return self.title()
        lines = [self.title(), aligned(self.cells())]
        if self.importance:
            shares = (
                f"{key} {100 * share:.0f} %" for key, share in self.importance.items() if share >= LEAST
            )
            lines.append(f"importance: {', '.join(shares)}")
        lines.append(
            f"best: trial {self.best.number}, {self.search.objective} {number(self.best.value or 0.0)}"
        )
        lines += [f"  {key}: {told(value)}" for key, value in self.best.drawn.items()]
        if self.best.experiment:
            lines.append(f"dvc exp apply {self.best.experiment} brings it with its model into the workspace")
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "study": self.search.name,
            "objective": self.search.objective,
            "best": None if self.best is None else self.best.number,
            "importance": self.importance,
            "trials": [trial._asdict() for trial in self.trials],
        }


def told(value: Any) -> str:
    """Return a value as it stands in params.yaml."""
    return value if isinstance(value, str) else json.dumps(value)


def _finished(trial: FrozenTrial) -> Finished:
    kept = trial.user_attrs
    trained = trial.state == TrialState.COMPLETE
    ended = "repeated" if SAME in kept else "trained" if trained else "refused" if WHY in kept else "pruned"
    return Finished(
        trial.number,
        dict(kept.get(DRAWN, {})),
        trial.value if trained else None,
        dict(kept.get(FIGURES, {})),
        kept.get(EXPERIMENT),
        ended,
    )
