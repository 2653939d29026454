"""The live file of a training: what `reprise watch` shows of it, ``.state/train/<fingerprint>/live.json``.

It is private and no output: it may hold the time, the process and the folder. A training is alive as long as
it holds its folder's lock, so nothing has to be written, and nothing waited for, when one is killed.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from reprise.foundation.errors import Interrupted
from reprise.foundation.files import write_json
from reprise.foundation.locks import is_held
from reprise.foundation.throttle import Throttle
from reprise.training.standing import Standing

LIVE_FILE = "live.json"
SHORTEST_INTERVAL, LARGEST_SHARE = 0.5, 0.004  # seconds between two writings; their share of the time
CURVE = 60  # points of a curve at most
Row = Mapping[str, float | int | None]


class LiveFile:
    """Writes the live file while the ``with`` block runs.

    Parameters
    ----------
    folder : Path
        Of the training's state, whose lock is held.
    about : mapping of JSON values
        What is trained: params file, folder, settings.
    standing : Standing
    monitor : {"loss", "accuracy"}
        By which epochs are compared.
    writes : bool
        Whether this process writes files.
    """

    def __init__(
        self, folder: Path, about: Mapping[str, Any], standing: Standing, monitor: str, writes: bool
    ) -> None:
        self.path = folder / LIVE_FILE
        self.standing, self.monitor, self.writes = standing, monitor, writes
        self.history: Sequence[Row] = ()
        self._about = {**about, "pid": os.getpid(), "host": socket.gethostname(), "started": time.time()}
        self._throttle = Throttle(SHORTEST_INTERVAL, LARGEST_SHARE)

    def __enter__(self) -> LiveFile:
        self.write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # perhaps of the disk that ended the training, which is told
            if isinstance(error, Interrupted):
                self.write()  # where it will go on
            elif self.writes:
                self.path.unlink(missing_ok=True)

    def moved(self) -> None:
        """Write, unless that was done a moment ago."""
        if self.writes and self._throttle.due():
            self.write()

    def write(self) -> None:
        """Write how things stand now."""
        if not self.writes:
            return
        with self._throttle.work():
            seen = {
                "updated": time.time(),
                "progress": self.standing.state(),
                "last": dict(self.history[-1]) if self.history else None,
                "best": best(self.history, self.monitor),
                "curve": curve(self.history),
            }
            write_json(self.path, {**self._about, **seen})


def best(history: Sequence[Row], monitor: str) -> dict[str, Any] | None:
    """Return the epoch with the best validation figure, and this one; None where there is no validation."""
    name = f"val_{monitor}"
    judged = [(value, row["epoch"]) for row in history if (value := row.get(name)) is not None]
    if not judged:
        return None
    choose = max if monitor == "accuracy" else min
    value, epoch = choose(judged, key=lambda pair: pair[0])
    return {"name": name, "value": value, "epoch": epoch}


def curve(history: Sequence[Row]) -> dict[str, Any] | None:
    """Return the validation loss by epoch, else the training loss, thinned out to few points."""
    if not history:
        return None
    name = "train_loss" if history[-1].get("val_loss") is None else "val_loss"
    points = min(len(history), CURVE)
    places = (number * (len(history) - 1) // max(1, points - 1) for number in range(points))
    return {"name": name, "values": [history[place].get(name) for place in places]}


def live_files(state: Path) -> Iterator[dict[str, Any]]:
    """Yield what the live files below a state folder hold, the newest training first.

    ``id`` is added, the name of its state, and ``running``: whether it is alive.
    """
    found = []
    for path in (state / "train").glob(f"*/{LIVE_FILE}"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it ended this moment, or another version wrote it
            continue
        if isinstance(content, dict) and {"progress", "started", "params", "folder"} <= content.keys():
            found.append({**content, "id": path.parent.name, "running": is_held(path.parent)})
    yield from sorted(found, key=lambda one: one["started"], reverse=True)
