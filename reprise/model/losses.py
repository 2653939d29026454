"""The loss that follows from the task, and what a model's outputs mean."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from reprise.arithmetic.library import kernels


class KernelLoss(IntEnum):
    """``enum loss`` of program.h."""

    CROSS_ENTROPY = 0
    BINARY_CROSS_ENTROPY = 1
    SQUARED_ERROR = 2
    HUBER = 3


def kernel_loss(y: Tensor, outputs: int) -> KernelLoss:
    """Return the loss for these targets and this number of outputs."""
    if y.is_floating_point():
        return KernelLoss.SQUARED_ERROR
    return KernelLoss.BINARY_CROSS_ENTROPY if outputs == 1 else KernelLoss.CROSS_ENTROPY


def portable_loss_sum(outputs: Tensor, classes: Tensor) -> float:
    """Return the cross-entropy summed over rows, in 64 bits, by the kernels.

    Parameters
    ----------
    outputs : Tensor, shape (rows, outputs), float32
    classes : Tensor, shape (rows,), int64
    """
    rows, width = outputs.shape
    outputs, classes = outputs.contiguous(), classes.contiguous()
    if width == 1:
        return float(
            kernels().binary_cross_entropy(outputs.data_ptr(), classes.data_ptr(), rows, 0.0, None, 1.0, None)
        )
    return float(
        kernels().cross_entropy(outputs.data_ptr(), classes.data_ptr(), rows, width, 0.0, None, 1.0, None)
    )


def portable_probabilities(outputs: Tensor) -> NDArray[np.float64]:
    """Return the probability of every class, shape (rows, classes), in 64 bits, by the kernels."""
    rows, width = outputs.shape
    made = np.empty((rows, max(2, width)), dtype=np.float64)
    kernels().class_probabilities(outputs.contiguous().data_ptr(), made.ctypes.data, rows, width)
    return made


def loss_sum(
    outputs: Tensor, y: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Return the loss summed over rows, a scalar; see `losses`."""
    return _losses(outputs, y, label_smoothing, class_weights, "sum")


def losses(
    outputs: Tensor, y: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Return each row's loss, shape (rows,).

    Squared error for float targets, cross-entropy on logits for class numbers, binary cross-entropy on
    logits when there is one output for two classes.

    Parameters
    ----------
    outputs : Tensor, shape (rows, outputs)
    y : Tensor, shape (rows,)
        float: regression targets; integer: class numbers.
    label_smoothing : float
        Share of the target spread over all classes (Szegedy et al., 2016).
    class_weights : Tensor, shape (classes,), optional
        What the rows of each class count.
    """
    return _losses(outputs, y, label_smoothing, class_weights, "none")


def _losses(
    outputs: Tensor, y: Tensor, label_smoothing: float, class_weights: Tensor | None, reduction: str
) -> Tensor:
    if y.is_floating_point():
        return F.mse_loss(outputs[:, 0], y, reduction=reduction)
    if outputs.shape[1] == 1:
        target = y.to(outputs.dtype)
        if label_smoothing > 0.0:
            target = target * (1.0 - label_smoothing) + 0.5 * label_smoothing
        weights = None if class_weights is None else class_weights[y]
        return F.binary_cross_entropy_with_logits(outputs[:, 0], target, weights, reduction=reduction)
    return F.cross_entropy(outputs, y, class_weights, reduction=reduction, label_smoothing=label_smoothing)


def predicted_classes(outputs: Tensor) -> Tensor:
    """Return the most probable class of each row, int64, shape (rows,); the first of equals."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).to(torch.int64)
    return outputs.argmax(dim=1)


def decided_classes(
    outputs: Tensor, chances: NDArray[np.float64], threshold: float | None
) -> NDArray[np.int64]:
    """Return the class that a trained model decides on for each row, shape (rows,).

    Parameters
    ----------
    outputs : Tensor, shape (rows, outputs)
    chances : array (rows, classes)
        Their probabilities, as they are written: who reads them comes to the same decision.
    threshold : float or None
        The probability from which the second of two classes is decided on; None: the most probable class.
    """
    if threshold is None:
        return np.asarray(predicted_classes(outputs).numpy())
    return (chances[:, 1] >= threshold).astype(np.int64)


def class_probabilities(outputs: Tensor) -> Tensor:
    """Return the probability of every class, shape (rows, classes), also for a single logit."""
    if outputs.shape[1] == 1:
        positive = torch.sigmoid(outputs)
        return torch.cat([1.0 - positive, positive], dim=1)
    return torch.softmax(outputs, dim=1)
