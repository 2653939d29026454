"""The training loop: interrupted anywhere, stopped early, diverging; and its figures beside naive ones."""

from __future__ import annotations

import copy
import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import MODELS, job_of, rows_of, same_bits, schema_of
from torch import Tensor

from reprise.foundation.errors import Interrupted, UserError
from reprise.model.losses import loss_sum, predicted_classes
from reprise.settings.params import Augment, Train
from reprise.training import loop
from reprise.training.loop import VALIDATION_BATCH, Job, engine_and_optimizer, fit, validate
from reprise.training.pool import Pool
from reprise.training.progress import History, Progress, history_rows

# 22 rows in batches of 8 are 3 steps an epoch, the last of them with 6 rows.
STEPS, EPOCHS = 3, 2
TRAIN = Train(epochs=EPOCHS, batch_size=8, slices=3, lr=0.05, schedule="one_cycle")


def trained(job: Job) -> tuple[dict[str, Tensor], Progress]:
    progress = fit(job)
    return dict(job.model.state_dict()), progress


class Script:
    """Sends the stop signal after chosen steps, and remembers what was reported."""

    def __init__(self, job: Job, *stops: int, number: int = signal.SIGTERM) -> None:
        self.rows: list[History] = []
        self.steps: list[int] = []
        self.job, self.stops, self.number = job, stops, number
        job.report = self

    def __call__(self, done: int, total: int, row: History | None) -> None:
        assert total == STEPS * self.job.train.epochs
        if row is not None:
            self.rows.append(row)
        else:
            self.steps.append(done)
            if done in self.stops:
                self.job.stop.note(self.number, None)


def interrupted(job: Job, after: int) -> Script:
    """Train until the step after which the request to stop comes: it is heeded one step later."""
    script = Script(job, after)
    if after == 0:
        job.stop.note(signal.SIGTERM, None)
    with pytest.raises(Interrupted) as caught:
        fit(job)
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert str(caught.value) == f"train: stopped in epoch {after // STEPS + 1}; the state is kept"
    return script


# Interrupted and resumed


@pytest.mark.parametrize("keep", ["best", "last"])
@pytest.mark.parametrize("name", ["mlp with dropout", "cnn with dropout and batch norm"])
def test_stopped_after_any_step_and_resumed_the_bits_are_the_same(
    name: str, keep: str, tmp_path: Path
) -> None:
    image = name.startswith("cnn")
    train = TRAIN.model_copy(update={"keep": keep, "augment": Augment(shift=1 if image else 0)})
    weights, progress = trained(job_of(name, tmp_path / "whole", train))
    assert not (tmp_path / "whole" / "checkpoint").exists()
    assert [row["epoch"] for row in progress.history] == [1, 2]
    for after in range(STEPS * EPOCHS):
        folder = tmp_path / f"stopped after {after}"
        interrupted(job_of(name, folder, train), after)
        job = job_of(name, folder, train, pool=Pool(1 + after % 3))  # other workers may take over
        script = Script(job)
        again, resumed = trained(job)
        job.pool.close()
        assert script.steps == list(range(after + 2, STEPS * EPOCHS + 1))
        assert same_bits(again, weights)
        assert resumed.model_dump() == progress.model_dump()


@pytest.mark.parametrize("name", MODELS)
def test_stopped_at_every_step_the_bits_are_the_same(name: str, tmp_path: Path) -> None:
    train = TRAIN.model_copy(update={"optimizer": "sgd", "momentum": 0.9, "clip_norm": 0.5})
    weights, progress = trained(job_of(name, tmp_path / "whole", train))
    for done in range(STEPS * EPOCHS):  # each run does one step
        job = job_of(name, tmp_path / "often", train)
        job.stop.note(signal.SIGTERM, None)
        with pytest.raises(Interrupted, match=f"stopped in epoch {done // STEPS + 1}"):
            fit(job)
    again, resumed = trained(job_of(name, tmp_path / "often", train))
    assert same_bits(again, weights)
    assert resumed.model_dump() == progress.model_dump()


def test_a_state_saved_by_time_serves_as_well(tmp_path: Path, monkeypatch) -> None:
    """As after kill -9: the training goes on from the last state that was due."""
    weights, progress = trained(job_of("mlp with dropout", tmp_path / "whole", TRAIN))
    job = job_of("mlp with dropout", tmp_path / "killed", TRAIN)
    monkeypatch.setattr(job.checkpoints, "due", lambda: True)

    def die(done: int, _total: int, _row: History | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    job.report = die
    with pytest.raises(KeyboardInterrupt):
        fit(job)
    resumed = job_of("mlp with dropout", tmp_path / "killed", TRAIN)
    script = Script(resumed)
    again, end = trained(resumed)
    assert script.steps == [5, 6]
    assert same_bits(again, weights)
    assert end.model_dump() == progress.model_dump()


def test_early_stopping_remembers_across_an_interruption(tmp_path: Path) -> None:
    train = TRAIN.model_copy(update={"epochs": 8, "patience": 2, "lr": 1e-12, "min_delta": 0.5})
    weights, progress = trained(job_of("mlp", tmp_path / "whole", train))
    assert (progress.epoch, progress.stopped, progress.best_epoch) == (3, True, 1)
    interrupted(job_of("mlp", tmp_path / "stopped", train), 6)
    again, resumed = trained(job_of("mlp", tmp_path / "stopped", train))
    assert resumed.model_dump() == progress.model_dump()
    assert same_bits(again, weights)


def test_a_stop_that_comes_after_the_last_step_is_too_late(tmp_path: Path) -> None:
    weights, _ = trained(job_of("mlp", tmp_path, TRAIN))
    job = job_of("mlp", tmp_path, TRAIN)
    Script(job, STEPS * EPOCHS)
    assert same_bits(trained(job)[0], weights)


def test_a_stop_without_a_signal_of_its_own_is_counted_as_a_termination(tmp_path: Path, monkeypatch) -> None:
    """Another rank was asked to stop."""
    job = job_of("mlp", tmp_path, TRAIN)
    step = loop.SlicedGradient.step

    def told(self: Any, *arguments: Any) -> Any:
        result = step(self, *arguments)
        return type(result)(result.gradients, result.figures, True)

    monkeypatch.setattr(loop.SlicedGradient, "step", told)
    with pytest.raises(Interrupted) as caught:
        fit(job)
    assert caught.value.exit_code == 143


# Figures


def test_the_history_is_that_of_a_naive_loop(tmp_path: Path) -> None:
    """Every step of plain SGD by torch.autograd on the whole batch, in the order that the seed gives."""
    train = Train(epochs=2, batch_size=8, optimizer="sgd", lr=0.1, schedule="cosine", keep="last")
    job = job_of("mlp", tmp_path, train)
    naive = copy.deepcopy(job.model)
    history = fit(job).history
    data = job.train_rows
    for epoch in range(2):
        order = torch.from_numpy(loop.seeds.permutation(len(data), train.seed, "order", epoch))
        losses, correct = 0.0, 0
        for step, batch in enumerate(order.split(8)):
            outputs = naive(data.x[batch])
            loss = torch.nn.CrossEntropyLoss(reduction="sum")(outputs, data.y[batch])
            losses, correct = losses + loss.item(), correct + int((outputs.argmax(1) == data.y[batch]).sum())
            rate = loop.learning_rate(epoch * STEPS + step, 2 * STEPS, train)
            gradients = torch.autograd.grad(loss / len(batch), list(naive.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(naive.parameters(), gradients, strict=True):
                    parameter -= rate * gradient
        row = history[epoch]
        assert row["train_loss"] == pytest.approx(losses / 22, rel=1e-5)
        assert row["train_accuracy"] == pytest.approx(correct / 22)
        assert row["lr"] == rate
        outputs = naive(job.val_rows.x).detach()
        assert row["val_loss"] == pytest.approx(loss_sum(outputs, job.val_rows.y).item() / 9, rel=1e-5)
        assert row["val_accuracy"] == pytest.approx(float((outputs.argmax(1) == job.val_rows.y).sum()) / 9)
    for one, two in zip(job.model.parameters(), naive.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_validation_over_several_batches(classes: int, workers: int, tmp_path: Path) -> None:
    def validated(job: Job) -> tuple[float, float] | None:
        return validate(job, engine_and_optimizer(job)[0])

    rows = rows_of(schema_of((5,), classes), 2 * VALIDATION_BATCH + 77, "val")
    job = job_of("mlp", tmp_path, TRAIN, classes=classes, val_rows=rows, pool=Pool(workers))
    found = validated(job)
    alone = validated(job_of("mlp", tmp_path, TRAIN, classes=classes, val_rows=rows))
    job.pool.close()
    with torch.no_grad():
        outputs = job.model(rows.x)
    accuracy = float((predicted_classes(outputs) == rows.y).sum()) / len(rows) if classes else 0.0
    assert found == (pytest.approx(float(loss_sum(outputs, rows.y)) / len(rows), rel=1e-5), accuracy)
    assert found == alone


def test_a_regression_has_no_accuracy_and_without_validation_there_are_no_columns(tmp_path: Path) -> None:
    job = job_of("mlp", tmp_path, TRAIN, classes=0)
    header, rows = history_rows(fit(job).history)
    assert header == ["epoch", "lr", "train_loss", "val_loss"]
    assert [row[0] for row in rows] == [1, 2]
    job = job_of("mlp", tmp_path, TRAIN)
    job.val_rows = type(job.val_rows)(job.val_rows.x[:0], job.val_rows.y[:0], job.val_rows.normalise)
    progress = fit(job)
    assert history_rows(progress.history)[0] == ["epoch", "lr", "train_loss", "train_accuracy"]
    assert progress.best_epoch is None


# Which weights are kept


def test_the_best_or_the_last_weights_are_kept(tmp_path: Path, monkeypatch) -> None:
    """Validation is best after the first epoch here, whatever the model does."""
    figures = iter([(0.1, 0.9), (0.2, 0.8), (0.3, 0.7)] * 2)
    monkeypatch.setattr(loop, "validate", lambda _job, _engine: next(figures))
    train = TRAIN.model_copy(update={"epochs": 3, "schedule": "constant"})
    best, progress = trained(job_of("cnn with dropout and batch norm", tmp_path, train))
    assert progress.best_epoch == 1
    last, _ = trained(
        job_of("cnn with dropout and batch norm", tmp_path, train.model_copy(update={"keep": "last"}))
    )
    monkeypatch.undo()
    one_epoch, _ = trained(
        job_of(
            "cnn with dropout and batch norm",
            tmp_path,
            train.model_copy(update={"epochs": 1, "keep": "last"}),
        )
    )
    assert same_bits(best, one_epoch)
    assert not same_bits(best, last)
    assert not torch.equal(best["1.running_mean"], last["1.running_mean"])


# Divergence


@pytest.mark.parametrize("asked_to_stop", [False, True])
def test_divergence_is_the_users_problem_as_soon_as_it_shows(
    asked_to_stop: bool, tmp_path: Path, monkeypatch
) -> None:
    train = Train(epochs=3, batch_size=8, optimizer="sgd", lr=100.0, momentum=0.99)
    job = job_of("mlp", tmp_path, train, classes=0)
    job.train_rows.y.mul_(1e18)
    monkeypatch.setattr(job.checkpoints, "due", lambda: True)  # a state may be due at that very step
    if asked_to_stop:
        step = loop.SlicedGradient.step

        def stopping(self: Any, *arguments: Any) -> Any:
            result = step(self, *arguments)
            return type(result)(result.gradients, result.figures, not all(map(math.isfinite, result.figures)))

        monkeypatch.setattr(loop.SlicedGradient, "step", stopping)
    with pytest.raises(
        UserError,
        match=r"^train: train_loss became (inf|nan) in epoch 1: the training diverged; lower train.lr",
    ):
        fit(job)


def test_a_validation_loss_that_is_not_finite_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(loop, "validate", lambda _job, _engine: (float("nan"), 0.5))
    with pytest.raises(UserError, match="train: val_loss became nan in epoch 1"):
        fit(job_of("mlp", tmp_path, TRAIN))
