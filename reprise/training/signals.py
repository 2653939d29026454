"""Being asked to stop: SIGINT and SIGTERM, and the death of the process that started us."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

PR_SET_PDEATHSIG = 1


class StopRequest:
    """Remembers the first signal, so that the loop can end at the next step with its state saved."""

    def __init__(self) -> None:
        self.signal = 0

    @property
    def requested(self) -> bool:
        """Whether a signal came."""
        return self.signal != 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Remember a signal; a second SIGINT ends the process at once, as an impatient user expects."""
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = number


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn SIGINT and SIGTERM into a `StopRequest` inside the block.

    On Linux the death of the parent counts as SIGTERM: when dvc is killed, its stage would otherwise go
    on beside the next run.
    """
    request = StopRequest()
    before = {number: signal.signal(number, request.note) for number in (signal.SIGINT, signal.SIGTERM)}
    when_the_parent_dies(signal.SIGTERM)
    try:
        yield request
    finally:
        when_the_parent_dies(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def when_the_parent_dies(number: int) -> None:
    """Ask Linux to send this signal then; 0 for none."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number)
