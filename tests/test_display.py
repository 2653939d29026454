"""What a person sees of a training when there is no terminal: a few plain lines."""

from __future__ import annotations

import pytest

from reprise.training.display import Display, epoch_line
from reprise.training.progress import History

ROW: History = {
    "epoch": 7,
    "lr": 0.1,
    "train_loss": 0.123456,
    "train_accuracy": 0.5,
    "val_loss": 1.0,
    "val_accuracy": 0.25,
}


def test_a_line_has_the_figures_that_there_are() -> None:
    assert (
        epoch_line(ROW, 100)
        == "epoch   7/100  train loss 0.1235 accuracy 0.5000  val loss 1.0000 accuracy 0.2500"
    )
    regression = {**ROW, "train_accuracy": None, "val_loss": None, "val_accuracy": None}
    assert epoch_line(regression, 9) == "epoch 7/9  train loss 0.1235"


@pytest.mark.parametrize("epochs", [1, 5, 20, 21, 200, 1999])
def test_long_trainings_print_few_lines_with_the_first_and_the_last(epochs: int, capsys) -> None:
    with Display(epochs, True) as display:
        for epoch in range(1, epochs + 1):
            display.report(epoch, epochs, None)
            display.report(epoch, epochs, {**ROW, "epoch": epoch})
    out, err = capsys.readouterr()
    shown = [int(line.removeprefix("epoch").split("/")[0]) for line in out.splitlines()]
    assert shown[0] == 1
    assert shown[-1] == epochs
    assert len(shown) == len(set(shown)) <= 22
    assert err == ""


def test_other_ranks_are_silent(capsys) -> None:
    with Display(1, False) as display:
        display.report(1, 1, ROW)
    assert capsys.readouterr() == ("", "")
