"""What a person sees of a training: a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from reprise.training.progress import History

PLAIN_LINES = 20  # at most about this many lines of epochs


class Display:
    """Shows the progress of a training; silent on every rank but the first.

    Parameters
    ----------
    epochs : int
    shown : bool
        Whether to show anything.
    """

    def __init__(self, epochs: int, shown: bool) -> None:
        self.epochs = epochs
        self.shown = shown
        self._bar: tqdm[NoReturn] | None = None
        self._terminal = shown and sys.stderr.isatty()

    def __enter__(self) -> Display:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def report(self, done: int, total: int, row: History | None) -> None:
        """Take note of `done` of `total` steps, or of a finished epoch."""
        if self._terminal:
            if self._bar is None:
                self._bar = tqdm(total=total, initial=done - 1, unit="step", dynamic_ncols=True, leave=False)
            self._bar.update(done - self._bar.n)
        if row is not None and self.shown and self._worth_a_line(int(row["epoch"] or 0)):
            tqdm.write(epoch_line(row, self.epochs), file=sys.stdout)
            sys.stdout.flush()

    def _worth_a_line(self, epoch: int) -> bool:
        every = -(-self.epochs // PLAIN_LINES)
        return epoch == self.epochs or epoch % every == 0 or epoch == 1


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
