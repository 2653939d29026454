"""What a person sees of a training: a progress bar on a terminal, plain lines elsewhere; no colours."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from reprise.training.progress import History
from reprise.training.standing import Standing, networks_text

PLAIN_LINES = 20  # at most about this many lines of epochs
LOOK = 0.1  # seconds between two looks at what is shown: a step may take microseconds
SILENCE = 30.0  # seconds after which a log gets a line, whatever there is to tell


class Display:
    """Shows the progress of a training; silent on every rank but the first.

    Parameters
    ----------
    epochs : int
    shown : bool
        Whether to show anything.

    Attributes
    ----------
    standing : Standing
    also : callable
        Called at each look, about ten times a second at most.
    """

    def __init__(self, epochs: int, shown: bool) -> None:
        self.standing = Standing(epochs)
        self.shown = shown
        self._bar: tqdm[NoReturn] | None = None
        self._terminal = shown and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._headed = ""
        self._told_at = time.monotonic()
        self._next_look = 0.0
        self.also: Callable[[], None] = lambda: None

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def begin(self, unit: str, amount: int, epochs: int) -> None:
        """Begin to show work of another kind (see `Standing`)."""
        self._close()
        self._next_look = 0.0
        self.standing.begin(unit, amount, epochs)

    def report(self, done: int, total: int, row: History | None) -> None:
        """Take note of `done` of `total` steps, or of a finished epoch."""
        if row is None and time.monotonic() < self._next_look:
            return  # all that most steps cost
        standing = self.standing
        standing.note(done, total)
        self._next_look = standing.now + LOOK
        if self.shown:
            self._show(row)
        self.also()

    def _show(self, row: History | None) -> None:
        standing = self.standing
        if self._terminal:
            self._move_bar()
        silent = not self._terminal and standing.now - self._told_at >= SILENCE
        if row is not None and (silent or self._worth_a_line(int(row["epoch"] or 0))):
            self._tell(epoch_line(row, standing.epochs))
        elif silent and standing.done < standing.total:
            self._tell(standing.text())

    def _move_bar(self) -> None:
        standing, heading = self.standing, self._heading()
        if self._bar is None:
            self._bar = tqdm(
                desc=heading, total=standing.units(standing.total), initial=standing.units(standing.done - 1),
                unit=f" {standing.unit}", unit_scale=True, dynamic_ncols=True, leave=False,
            )  # fmt: skip
        elif heading != self._headed:
            self._bar.set_description(heading, refresh=False)
        self._headed = heading
        self._bar.update(standing.units(standing.done) - self._bar.n)

    def _heading(self) -> str:
        standing = self.standing
        running, networks = standing.networks
        if networks > 1:
            return networks_text(running, networks)
        return f"epoch {standing.place[0]}/{standing.epochs}" if standing.epochs > 1 else ""

    def _tell(self, line: str) -> None:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
        self._told_at = time.monotonic()

    def _worth_a_line(self, epoch: int) -> bool:
        every = -(-self.standing.epochs // PLAIN_LINES)
        return epoch == self.standing.epochs or epoch % every == 0 or epoch == 1

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def epoch_line(row: History, epochs: int) -> str:
    """Return a finished epoch's figures as one line."""
    parts = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    for split in ("train", "val"):
        loss, accuracy = row[f"{split}_loss"], row[f"{split}_accuracy"]
        if loss is not None:
            parts.append(
                f"{split} loss {loss:.4f}" + ("" if accuracy is None else f" accuracy {accuracy:.4f}")
            )
    return "  ".join(parts)
