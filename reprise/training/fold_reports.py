"""What the networks of a bag tell while they are trained, several at a time, put together into one report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from reprise.training.followers import Follower
from reprise.training.progress import History, mean_history

Report = Callable[[int, int, History | None], None]


class FoldReports:
    """Adds the steps of all networks up and tells the mean of their histories, but no epochs one by one.

    Parameters
    ----------
    report : callable
        Called with ``(steps done, all steps, None)``, of all networks.
    told : Follower
    folds : int
    """

    def __init__(self, report: Report, told: Follower, folds: int) -> None:
        self._report, self.told = report, told
        self._steps, self._totals = [0] * folds, [0] * folds
        self._histories: list[list[History]] = [[] for _ in range(folds)]
        self._running: set[int] = set()
        self._lock = Lock()

    def report(self, fold: int) -> Report:
        """Return the report of one network."""

        def tell(done: int, total: int, _: History | None) -> None:
            with self._lock:
                self._steps[fold], self._totals[fold] = done, total
                self._report(sum(self._steps), len(self._steps) * total, None)

        return tell

    def follower(self, fold: int) -> Follower:
        """Return who follows one network."""
        return _OfOne(self, fold)

    def begins(self, fold: int) -> None:
        """Take note that a network is trained from now on."""
        with self._lock:
            self._running.add(fold)
            self._tell_running()

    def ends(self, fold: int) -> None:
        """Take note that a network is trained: steps that early stopping saved count as done."""
        with self._lock:
            self._running.discard(fold)
            self._tell_running()
            self._steps[fold] = self._totals[fold]

    def _tell_running(self) -> None:
        self.told.running([number + 1 for number in sorted(self._running)], len(self._steps))

    def of_history(
        self, fold: int, history: Sequence[History], tell: Callable[[list[History]], None]
    ) -> None:
        """Take one network's history so far and tell the mean of all."""
        with self._lock:
            self._histories[fold] = list(history)
            tell(mean_history([one for one in self._histories if one]))


class _OfOne(Follower):
    """Follows one network of a bag."""

    def __init__(self, reports: FoldReports, fold: int) -> None:
        self._reports, self._fold = reports, fold

    def resumed(self, history: Sequence[History]) -> None:
        """Pass the mean on."""
        self._reports.of_history(self._fold, history, self._reports.told.resumed)

    def grown(self, history: Sequence[History]) -> None:
        """Pass the mean on."""
        self._reports.of_history(self._fold, history, self._reports.told.grown)
