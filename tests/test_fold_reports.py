"""What the networks of a bag tell, put together."""

from __future__ import annotations

from collections.abc import Sequence

from test_live_history import rows

from reprise.training.fold_reports import FoldReports
from reprise.training.followers import Follower
from reprise.training.progress import History, mean_history


class Ear(Follower):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.told: list[tuple[list[int], int]] = []
        self.histories: list[Sequence[History]] = []

    def report(self, done: int, total: int, row: History | None) -> None:
        assert row is None
        self.steps.append((done, total))

    def running(self, networks: Sequence[int], count: int) -> None:
        self.told.append((list(networks), count))

    def resumed(self, history: Sequence[History]) -> None:
        self.histories.append(history)

    def grown(self, history: Sequence[History]) -> None:
        self.histories.append(history)


def test_steps_are_added_up_and_those_that_early_stopping_saves_count() -> None:
    ear = Ear()
    reports = FoldReports(ear.report, ear, 3)
    for fold, last in ((0, 4), (1, 10), (2, 10)):
        reports.begins(fold)
        for done in range(1, last + 1):
            reports.report(fold)(done, 10, {} if done == last else None)
        reports.ends(fold)
    assert [done for done, _ in ear.steps] == [*range(1, 5), *range(11, 31)]
    assert {total for _, total in ear.steps} == {30}
    assert ear.told == [([1], 3), ([], 3), ([2], 3), ([], 3), ([3], 3), ([], 3)]


def test_the_numbers_of_networks_side_by_side_are_told() -> None:
    ear = Ear()
    reports = FoldReports(ear.report, ear, 5)
    reports.begins(3)
    reports.begins(0)
    reports.ends(3)
    assert ear.told == [([4], 5), ([1, 4], 5), ([1], 5)]


def test_histories_are_told_as_their_mean() -> None:
    ear = Ear()
    reports = FoldReports(ear.report, ear, 3)
    reports.follower(1).grown(rows(2))
    reports.follower(2).resumed(rows(1))
    assert ear.histories == [mean_history([rows(2)]), mean_history([rows(2), rows(1)])]
