"""Where a training stands: everything besides tensors that a checkpoint must hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from reprise.foundation.errors import UserError
from reprise.settings.params import Train

History = dict[str, float | int | None]
COLUMNS = ("epoch", "lr", "weight_decay", "train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Progress(BaseModel):
    """The position, the running epoch's sums, the history and early stopping's memory."""

    model_config = ConfigDict(validate_assignment=True)

    epoch: int = 0  # the running epoch
    step: int = 0  # steps done in it
    loss_sum: float = 0.0
    correct: float = 0.0
    rows: int = 0
    history: list[History] = []
    best_epoch: int | None = None
    best_value: float | None = None
    waited: int = 0  # epochs since the best one
    stopped: bool = False  # early stopping has ended the training

    def add(self, loss_sum: float, correct: float, rows: int) -> None:
        """Count one step's figures.

        Raises
        ------
        UserError
            If the loss is not finite: the training has diverged.
        """
        self._refuse_divergence("train_loss", loss_sum)
        self.step += 1
        self.loss_sum += loss_sum
        self.correct += correct
        self.rows += rows

    def end_epoch(
        self,
        rate: float | None,
        val: tuple[float, float] | None,
        classifies: bool,
        weight_decay: float | None = None,
    ) -> History:
        """Close the running epoch and return its row of the history.

        Parameters
        ----------
        rate : float or None
            The learning rate of the epoch's last step; None where there are no steps.
        val : (loss, accuracy) or None
        classifies : bool
            Whether accuracy means anything.
        weight_decay : float, optional
            Where it was chosen, or could have been.

        Raises
        ------
        UserError
            If a loss is not finite: the training has diverged.
        """
        row: History = {
            "epoch": self.epoch + 1,
            "lr": rate,
            "weight_decay": weight_decay,
            "train_loss": self.loss_sum / self.rows,
            "train_accuracy": self.correct / self.rows if classifies else None,
            "val_loss": val[0] if val else None,
            "val_accuracy": val[1] if val and classifies else None,
        }
        for name in ("train_loss", "val_loss"):
            self._refuse_divergence(name, row[name])
        self.history = [*self.history, row]
        self.epoch, self.step, self.loss_sum, self.correct, self.rows = self.epoch + 1, 0, 0.0, 0.0, 0
        return row

    def _refuse_divergence(self, name: str, value: float | None) -> None:
        if value is not None and not math.isfinite(value):
            raise UserError(
                f"train: {name} became {value} in epoch {self.epoch + 1}: the training diverged; "
                "lower train.lr or set train.clip_norm: 1.0"
            )

    def judge(self, row: History, train: Train) -> bool:
        """Return whether this epoch is the best so far, and remember when to stop."""
        value = row[f"val_{train.monitor}"]
        if value is None:
            return False
        sign = 1.0 if train.monitor == "accuracy" else -1.0
        better = self.best_value is None or sign * (value - self.best_value) > train.min_delta
        if better:
            self.best_epoch, self.best_value, self.waited = int(row["epoch"] or 0), value, 0
        else:
            self.waited += 1
            self.stopped = train.patience is not None and self.waited >= train.patience
        return better

    def saved(self) -> dict[str, Any]:
        """Return this as a JSON value."""
        return self.model_dump(mode="json")


def history_rows(history: Sequence[History]) -> tuple[list[str], list[list[object]]]:
    """Return header and rows of history.csv, without the columns that the task or the split leaves empty."""
    used = [name for name in COLUMNS if any(row[name] is not None for row in history)]
    return used, [[row[name] for name in used] for row in history]


def mean_history(histories: Sequence[list[History]]) -> list[History]:
    """Return each epoch's mean figures, over those networks that were still trained."""
    made: list[History] = []
    for epoch in range(max(map(len, histories))):
        running = [history[epoch] for history in histories if epoch < len(history)]
        row: History = {"epoch": epoch + 1}
        for name in COLUMNS[1:]:
            values = [value for history in running if (value := history.get(name)) is not None]
            row[name] = math.fsum(values) / len(values) if values else None
        made.append(row)
    return made
