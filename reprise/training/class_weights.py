"""What the rows of each class count in the training loss, so that common classes don't drown a rare one.

The validation loss, which early stopping watches, counts every row the same, as in Keras and as
metrics.json's does: weighted, it would hang on the few rows of the rare class, which a network soon
gets wrong with confidence, and end the training much too early.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reprise.prepared.schema import Schema
from reprise.settings.params import Train


def class_weights(train: Train, schema: Schema, device: torch.device) -> Tensor | None:
    """Return each class's weight, float32, shape (classes,), on a device; None: all count 1."""
    if train.class_weights == "none":
        return None
    counts = schema.class_counts["train"]
    return balanced([counts[name] for name in schema.classes]).to(device)


def balanced(counts: Sequence[int]) -> Tensor:
    """Return scikit-learn's balanced weights, rows / (classes * count): each class sums up to the same.

    A class without rows is not counted among the classes and weighs 0. So all rows together weigh as many as
    they are, and a learning rate that suits the loss without weights suits this one.

    Parameters
    ----------
    counts : sequence of int
        The train split's rows of each class, at least one in all.
    """
    rows, classes = sum(counts), sum(count > 0 for count in counts)
    # One division in 64 bits, rounded once to 32.
    return torch.tensor([rows / (classes * n) if n else 0.0 for n in counts], dtype=torch.float32)
