"""Work that is done beside other work, seldom enough to cost it next to nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Throttle:
    """Says when a piece of work may be done again, by what it took the last time.

    Parameters
    ----------
    shortest : float
        Seconds between two times.
    share : float
        Of all time that the work may take at most.
    """

    def __init__(self, shortest: float, share: float) -> None:
        self.shortest, self.share = shortest, share
        self._cost = 0.0
        self.restart()

    def restart(self) -> None:
        """Count the time from now."""
        self._ended = time.monotonic()

    def due(self) -> bool:
        """Return whether enough time has passed since the last time, or since the start."""
        return time.monotonic() - self._ended >= max(self.shortest, self._cost / self.share)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Do the work in this block; its time is taken."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.restart()
            self._cost = self._ended - start
