"""history.csv while it grows, in its final place: where DVC's plots and its VS Code extension read it.

Only the last writing counts, which the train stage does with all its outputs. What was written before it is
taken back when the training does not end well: without its model files a history would be half a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from reprise.foundation.files import csv_text, write_bytes, write_text
from reprise.foundation.throttle import Throttle
from reprise.training.progress import History, history_rows

SHORTEST_INTERVAL, LARGEST_SHARE = 1.0, 0.004  # seconds between two writings; their share of the time


class LiveHistory:
    """Writes the history so far, atomically, about once a second, while the ``with`` block runs.

    Parameters
    ----------
    path : Path
        history.csv.
    writes : bool
        Whether this process writes files.
    """

    def __init__(self, path: Path, writes: bool) -> None:
        self.path, self.writes = path, writes
        self._throttle = Throttle(SHORTEST_INTERVAL, LARGEST_SHARE)
        self._before: bytes | None = None  # of an earlier training, where no DVC has removed it
        self._written = False

    def __enter__(self) -> LiveHistory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not self._written:
            return
        with suppress(OSError):  # perhaps of the disk that ended the training, which is told
            if self._before is None:
                self.path.unlink(missing_ok=True)
            else:
                write_bytes(self.path, self._before)

    def grown(self, history: Sequence[History]) -> None:
        """Write the history, unless that was done a moment ago."""
        if self._throttle.due():
            self.write(history)

    def write(self, history: Sequence[History]) -> None:
        """Write the history."""
        if not self.writes:
            return
        with self._throttle.work():
            if not self._written and self.path.is_file():
                self._before = self.path.read_bytes()
            self._written = True
            write_text(self.path, csv_text(*history_rows(history)))
