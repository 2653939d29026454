"""When a training stops, which epoch is the best, and what is remembered of it."""

from __future__ import annotations

from typing import Any

import pytest

from reprise.foundation.errors import UserError
from reprise.settings.params import Train
from reprise.training.progress import COLUMNS, Progress, history_rows


def judged(values: list[float], **train: Any) -> Progress:
    """What early stopping makes of these validation figures."""
    progress = Progress()
    settings = Train(**train)
    for value in values:
        if progress.stopped:
            break
        progress.add(1.0, 1.0, 1)
        progress.judge(progress.end_epoch(0.1, (value, value), True), settings)
    return progress


@pytest.mark.parametrize(
    ("values", "train", "epochs", "best"),
    [
        ([3, 2, 1, 2, 3], {}, 5, 3),
        ([3, 2, 1, 2, 3, 0], {"patience": 2}, 5, 3),
        ([3, 2, 2, 2], {"patience": 2}, 4, 2),  # equal is no improvement
        (
            [3, 2.95, 2.85, 2.7],
            {"patience": 2, "min_delta": 0.1},
            4,
            4,
        ),  # counted from the best, not the last
        ([3, 2.95, 2.91, 2.7], {"patience": 2, "min_delta": 0.1}, 3, 1),
        ([0.5, 0.9, 0.8, 0.7], {"monitor": "accuracy", "patience": 2}, 4, 2),
        ([0.5, 0.9, 0.8, 0.95], {"monitor": "accuracy", "patience": 2}, 4, 4),
    ],
)
def test_early_stopping(values: list[float], train: dict[str, Any], epochs: int, best: int) -> None:
    progress = judged(values, **train)
    assert (progress.epoch, progress.best_epoch) == (epochs, best)
    assert progress.stopped == (progress.waited >= train.get("patience", 99))


def test_without_a_validation_split_nothing_is_judged() -> None:
    progress = Progress()
    progress.add(1.0, 1.0, 1)
    assert not progress.judge(progress.end_epoch(0.1, None, True), Train(patience=1))
    assert (progress.best_epoch, progress.waited, progress.stopped) == (None, 0, False)


def test_an_epochs_figures_are_means_over_its_rows() -> None:
    progress = Progress()
    progress.add(3.0, 2.0, 4)
    progress.add(2.0, 1.0, 1)
    row = progress.end_epoch(0.25, (0.5, 0.75), True)
    assert tuple(row) == COLUMNS
    assert list(row.values()) == [1, 0.25, None, 1.0, 0.6, 0.5, 0.75]
    assert (progress.epoch, progress.step, progress.loss_sum, progress.correct, progress.rows) == (
        1,
        0,
        0,
        0,
        0,
    )


def test_saved_progress_comes_back_exactly() -> None:
    progress = judged([0.1 + 0.2, 1e-300, 3])
    progress.add(1 / 3, 2.0, 4)
    again = Progress.model_validate_json(progress.model_dump_json())
    assert again.model_dump() == progress.model_dump()
    assert Progress.model_validate(progress.saved()) == progress


def test_empty_columns_are_left_out_of_the_history() -> None:
    progress = Progress()
    progress.add(1.0, 0.0, 2)
    progress.end_epoch(0.1, None, False)
    assert history_rows(progress.history) == (["epoch", "lr", "train_loss"], [[1, 0.1, 0.5]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_is_divergence(bad: float) -> None:
    with pytest.raises(
        UserError, match=r"train: train_loss became -?(nan|inf) in epoch 1: the training diverged"
    ):
        Progress().add(bad, 0.0, 1)
    progress = Progress()
    progress.add(1.0, 0.0, 1)
    with pytest.raises(
        UserError, match=r"train: val_loss became -?(nan|inf) in epoch 1: the training diverged"
    ):
        progress.end_epoch(0.1, (bad, 0.0), True)
