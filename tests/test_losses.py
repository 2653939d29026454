"""Losses and what outputs mean, beside torch's own loss classes and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss, mean_squared_error
from torch import Tensor, nn

from reprise.model.losses import class_probabilities, loss_sum, predicted_classes

ROWS = 50


@pytest.fixture
def logits() -> Tensor:
    return 3 * torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def classes() -> Tensor:
    return torch.randint(0, 4, (ROWS,), generator=torch.Generator().manual_seed(2))


def test_squared_error(logits: Tensor) -> None:
    y = torch.randn(ROWS, generator=torch.Generator().manual_seed(3))
    found = loss_sum(logits[:, :1], y)
    assert found.shape == ()
    assert found.item() / ROWS == pytest.approx(mean_squared_error(y, logits[:, 0]), rel=1e-5)


def test_cross_entropy(logits: Tensor, classes: Tensor) -> None:
    expected = log_loss(classes, softmax(logits.numpy().astype(np.float64), axis=1))
    assert loss_sum(logits, classes).item() / ROWS == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_cross_entropy(logits: Tensor, classes: Tensor, smoothing: float) -> None:
    expected = nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, classes)
    assert loss_sum(logits, classes, smoothing).item() / ROWS == pytest.approx(expected.item(), rel=1e-5)


def test_binary_cross_entropy(logits: Tensor, classes: Tensor) -> None:
    y = classes % 2
    expected = log_loss(y, expit(logits[:, 0].numpy().astype(np.float64)))
    assert loss_sum(logits[:, :1], y).item() / ROWS == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_logit_is_two_of_which_one_is_zero(logits: Tensor, classes: Tensor, smoothing: float) -> None:
    """Smoothing spreads over both classes then, as with two outputs."""
    y = classes % 2
    two = torch.cat([torch.zeros(ROWS, 1), logits[:, :1]], dim=1)
    found = loss_sum(logits[:, :1], y, smoothing).item()
    assert found == pytest.approx(loss_sum(two, y, smoothing).item(), rel=1e-5)
    assert torch.allclose(class_probabilities(logits[:, :1]), class_probabilities(two), atol=1e-6)
    assert torch.equal(predicted_classes(logits[:, :1]), predicted_classes(two))


def test_losses_stay_finite_for_sure_mistakes() -> None:
    assert loss_sum(torch.tensor([[1e4, -1e4]]), torch.tensor([1])).item() == 2e4
    assert loss_sum(torch.tensor([[1e4]]), torch.tensor([0])).item() == 1e4


def test_classes_and_probabilities(logits: Tensor) -> None:
    assert predicted_classes(logits).tolist() == logits.numpy().argmax(1).tolist()
    assert np.allclose(class_probabilities(logits), softmax(logits.numpy(), axis=1), atol=1e-6)
    assert class_probabilities(logits[:, :1]).shape == (ROWS, 2)


def test_the_first_of_equals_wins() -> None:
    ties = torch.zeros(3, 10)
    ties[1, [4, 7]] = 1.0
    ties[2, 3:] = 2.0
    assert predicted_classes(ties).tolist() == [0, 4, 3]
    assert predicted_classes(torch.zeros(2, 1)).tolist() == [0, 0]
