"""Class weights: scikit-learn's rule, torch's losses, and nothing else changed by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from test_slices import named_gradients
from tiny import CPU, job_of, rows_of, same_bits, schema_of
from torch import nn
from torch.nn import functional as F

from reprise.model.architectures import build
from reprise.model.losses import loss_sum
from reprise.model.tensors import Rows
from reprise.settings.params import Mlp, Model, Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine
from reprise.training.class_weights import balanced, class_weights
from reprise.training.loop import engine_and_optimizer, fit, validate
from reprise.training.pool import Pool
from reprise.training.ranks import Ranks
from reprise.training.slices import SlicedGradient

ROWS = 30
COUNTS = {"train": {"class 0": 18, "class 1": 4, "class 2": 8}}


# The rule


@given(st.lists(st.integers(1, 300), min_size=1, max_size=12))
def test_balanced_weights_are_scikit_learns(counts: list[int]) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=y)
    assert balanced(counts).numpy().tobytes() == expected.astype(np.float32).tobytes()


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any))
def test_a_class_without_rows_weighs_nothing(counts: list[int]) -> None:
    """The others weigh as if it did not exist, and all rows together as many as they are."""
    weights = balanced(counts)
    present = [place for place, count in enumerate(counts) if count]
    assert torch.equal(weights[present], balanced([counts[place] for place in present]))
    assert weights[[place for place, count in enumerate(counts) if not count]].count_nonzero() == 0
    assert float(weights.double() @ torch.tensor(counts).double()) == pytest.approx(sum(counts), rel=1e-6)


def test_they_come_from_the_train_split_in_the_classes_order() -> None:
    counts = {
        "train": dict(reversed(COUNTS["train"].items())),
        "val": {"class 0": 1, "class 1": 1, "class 2": 1},
    }
    schema = schema_of((5,), class_counts=counts)
    found = class_weights(Train(class_weights="balanced"), schema, CPU)
    assert found is not None
    assert found.tolist() == pytest.approx([30 / 54, 30 / 12, 30 / 24])
    assert class_weights(Train(), schema, CPU) is None


# The losses of torch's own numerics


def test_one_logit_weighs_as_two_of_which_one_is_zero() -> None:
    generator = torch.Generator().manual_seed(1)
    logits, y = 3 * torch.randn(50, 1, generator=generator), torch.randint(0, 2, (50,), generator=generator)
    weights = torch.tensor([0.6, 3.0])
    two = torch.cat([torch.zeros(50, 1), logits], dim=1)
    found = loss_sum(logits, y, class_weights=weights).item()
    assert found == pytest.approx(loss_sum(two, y, class_weights=weights).item(), rel=1e-5)
    rows = [float(weights[t] * loss_sum(x[None], t[None])) for x, t in zip(logits, y, strict=True)]
    assert found == pytest.approx(sum(rows), rel=1e-5)


# The engines


def network(outputs: str, classes: int) -> tuple[nn.Module, Rows]:
    schema = schema_of((5,), classes)
    model = Model(kind="mlp", outputs=outputs, mlp=Mlp(hidden=(8,), activation="tanh"))
    return build(model, schema, 1), rows_of(schema, ROWS)


ENGINES = {
    "kernels": lambda model, data, train, weights: KernelEngine(model, data, train, ROWS, weights),
    "torch": TorchEngine,
}
CASES = [("per_class", 3), ("per_class", 2), ("single", 2)]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("outputs", "classes"), CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_loss_and_gradient_are_torchs_in_64_bits(
    engine: str, outputs: str, classes: int, smoothing: float
) -> None:
    weights = torch.tensor([0.4, 2.5, 1.25])[:classes]
    model, data = network(outputs, classes)
    exact, _ = network(outputs, classes)
    exact = exact.double()
    values = exact(data.x.double())
    if outputs == "per_class":
        loss = F.cross_entropy(values, data.y, weights.double(), reduction="sum", label_smoothing=smoothing)
        plain = F.cross_entropy(values, data.y, reduction="sum")
    else:
        chance, target = torch.sigmoid(values[:, 0]), data.y.double()
        each = weights[data.y].double()
        loss = F.binary_cross_entropy(chance, target * (1 - smoothing) + smoothing / 2, each, reduction="sum")
        plain = F.binary_cross_entropy(chance, target, reduction="sum")
    expected = torch.autograd.grad(loss / ROWS, list(exact.parameters()), retain_graph=True)

    train = Train(batch_size=ROWS, slices=3, label_smoothing=smoothing)
    made = ENGINES[engine](model, data, train, weights)
    gradient = SlicedGradient(made, model, train, Pool(1), Ranks())
    step = gradient.step(torch.arange(ROWS), None, 0, 0, False)
    assert step.figures[0] == pytest.approx(loss.item(), rel=1e-5)
    parts = [named_gradients(gradient, [part.clone() for part in parts]) for parts in step.gradients]
    for found, wanted in zip((sum(of_one) for of_one in zip(*parts, strict=True)), expected, strict=True):
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-6)
    # The validation loss is neither weighted nor smoothed.
    loss_of_all, correct = made.judge(0, data, 0, ROWS)
    assert loss_of_all == pytest.approx(plain.item(), rel=1e-5)
    assert correct == step.figures[1]


@pytest.mark.parametrize(("outputs", "classes"), CASES)
def test_weights_of_one_change_no_bit(outputs: str, classes: int) -> None:
    """What balanced gives where all classes have as many rows."""
    train = Train(batch_size=ROWS, label_smoothing=0.1)
    found = []
    for weights in (None, balanced([7] * classes)):
        model, data = network(outputs, classes)
        engine = KernelEngine(model, data, train, ROWS, weights)
        made = engine.slice(0, torch.arange(ROWS), None, ROWS, (0, 0, 0))
        found.append(({"all": made.gradients[0]}, made.figures, engine.judge(0, data, 0, ROWS)))
    assert same_bits(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


# The training


@pytest.mark.parametrize("numerics", ["portable", "native"])
def test_early_stopping_watches_the_plain_loss(numerics: str, tmp_path: Any) -> None:
    weights = torch.tensor([0.25, 4.0, 1.0])
    train = Train(epochs=2, batch_size=8, numerics=numerics, keep="last")
    job = job_of("mlp", tmp_path, train, class_weights=weights)
    row = fit(job).history[-1]
    outputs = job.model(job.val_rows.x).detach()
    expected = F.cross_entropy(outputs.double(), job.val_rows.y)
    assert row["val_loss"] == pytest.approx(expected.item(), rel=1e-5)
    assert row["val_accuracy"] == float((outputs.argmax(1) == job.val_rows.y).sum()) / 9
    assert validate(job, engine_and_optimizer(job)[0]) == (row["val_loss"], row["val_accuracy"])


def test_a_rare_class_is_found_more_often(tmp_path: Any) -> None:
    """Which is what the weights are for: 4 of 40 rows, hidden among the others."""
    y = (torch.arange(40) % 10 == 0).to(torch.int64)
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(1)) + 0.7 * y[:, None]
    train = Train(epochs=30, batch_size=8, lr=0.01, keep="last")
    recalled = []
    for weights in (None, balanced([36, 4])):
        job = job_of("mlp", tmp_path, train, classes=2, class_weights=weights)
        job.train_rows = Rows(x, y, job.train_rows.normalise)
        fit(job)
        recalled.append(int((job.model(x).argmax(1) == 1)[y == 1].sum()))
    assert recalled[0] < recalled[1]
