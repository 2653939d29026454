"""Who is told of a training besides a person at its terminal."""

from __future__ import annotations

from collections.abc import Sequence

from reprise.training.display import Display
from reprise.training.live import LiveFile
from reprise.training.live_history import LiveHistory
from reprise.training.progress import History


class Abandoned(Exception):
    """A follower raises it to end a training that is not worth going on with; its state is removed."""


class Follower:
    """Is told what a training works on; this one keeps nothing of it."""

    def begin(self, unit: str, amount: int, epochs: int) -> None:
        """Take note that work on so many rows or pictures, those of all epochs, begins."""

    def running(self, networks: Sequence[int], count: int) -> None:
        """Take note of which of `count` networks, from 1, are trained now."""

    def resumed(self, history: Sequence[History]) -> None:
        """Take note of the history that a resumed training has already."""

    def grown(self, history: Sequence[History]) -> None:
        """Take note of the whole history so far, after each epoch."""


class Watched(Follower):
    """Tells of a training on the terminal, in its live file, in history.csv, and whoever else follows."""

    def __init__(self, display: Display, live: LiveFile, history: LiveHistory, also: Follower) -> None:
        self.display, self.live, self.history, self.also = display, live, history, also
        display.also = live.moved

    def begin(self, unit: str, amount: int, epochs: int) -> None:
        """Show the new work."""
        self.display.begin(unit, amount, epochs)
        self.live.write()

    def running(self, networks: Sequence[int], count: int) -> None:
        """Show which networks are trained."""
        self.display.standing.networks = (tuple(networks), count)

    def resumed(self, history: Sequence[History]) -> None:
        """Show the history at once: it was taken away with the other outputs."""
        self.live.history = history
        self.history.write(history)
        self.also.resumed(history)

    def grown(self, history: Sequence[History]) -> None:
        """Show the history where it is looked for."""
        self.live.history = history
        self.history.grown(history)
        self.also.grown(history)
