"""Two experiments on the same test rows: the figures of both, and whether chance explains the difference."""

from __future__ import annotations

from dataclasses import dataclass

from reprise.comparison.bootstrap import difference_interval
from reprise.comparison.figures import accuracy, figures_of
from reprise.comparison.mcnemar import mcnemar
from reprise.comparison.predictions import Predictions
from reprise.evaluation.intervals import Interval
from reprise.foundation.errors import UserError

LEVEL = 0.05  # a difference that chance makes less often than this is called more than chance


@dataclass(frozen=True)
class Disagreement:
    """Two classifiers' accuracies by McNemar's test.

    Attributes
    ----------
    first, second : float
        The accuracies.
    only_first, only_second : int
        Rows on which only the one is right.
    p : float
    """

    first: float
    second: float
    only_first: int
    only_second: int
    p: float

    @property
    def more_than_chance(self) -> bool:
        """Whether chance alone would seldom do this."""
        return self.p < LEVEL


@dataclass(frozen=True)
class Difference:
    """One figure of both, and the interval of the second's minus the first's."""

    name: str
    first: float
    second: float
    interval: Interval

    @property
    def more_than_chance(self) -> bool:
        """Whether the interval leaves out that there is none."""
        return 0.0 not in self.interval


@dataclass(frozen=True)
class Comparison:
    """All that was found out.

    Attributes
    ----------
    task : str
    rows : int
        Test rows.
    accuracy : Disagreement or None
        None for a regression.
    differences : tuple of Difference
    """

    task: str
    rows: int
    accuracy: Disagreement | None
    differences: tuple[Difference, ...]


def compare(first: Predictions, second: Predictions, names: tuple[str, str]) -> Comparison:
    """Compare the predictions of the same test rows.

    Parameters
    ----------
    first, second : Predictions
    names : tuple of str
        What the two are called in messages.

    Raises
    ------
    UserError
        If they are not of the same rows of the same data.
    """
    _refuse_different(first, second, names)
    differences = []
    for figure in figures_of(first.task):
        between = difference_interval(figure.of_rows(first), figure.of_rows(second), figure.of_mean)
        differences.append(Difference(figure.name, figure.value(first), figure.value(second), between))
    test = None
    if first.task == "classification":
        one, other = first.right(), second.right()
        only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
        p = mcnemar(only_first, only_second)
        test = Disagreement(accuracy(first), accuracy(second), only_first, only_second, p)
    return Comparison(first.task, len(first.rows), test, tuple(differences))


def _refuse_different(first: Predictions, second: Predictions, names: tuple[str, str]) -> None:
    here, there = names
    if first.task != second.task:
        raise UserError(
            f"compare: {here} is a {first.task}, {there} a {second.task}; "
            "compare experiments with the same target"
        )
    for name, count in zip(names, (len(first.rows), len(second.rows)), strict=True):
        if count < 2:
            raise UserError(
                f"compare: {name} has {count} test row(s), which tell nothing; raise prepare.split.test"
            )
    shared = set(first.rows.tolist()) & set(second.rows.tolist())
    if not len(shared) == len(first.rows) == len(second.rows):
        raise UserError(
            f"compare: of {len(first.rows)} test rows of {here} and {len(second.rows)} of {there} "
            f"{len(shared)} are the same; compare those with the same data, prepare.seed and prepare.split"
        )
    pairs = zip(first.rows.tolist(), first.actual, second.actual, strict=True)
    for row, one, other in pairs:
        if one != other:
            raise UserError(
                f"compare: row {row} is {one} in {here} and {other} in {there}: other data or other names of "
                "classes; compare experiments with the same data"
            )
