"""Mixup: its shares beside SciPy's Beta distribution, its loss beside both targets' losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from tiny import CPU, model_of, rows_of, schema_of, shape_for
from torch import Tensor

from reprise.model.architectures import build
from reprise.model.losses import losses
from reprise.settings.params import Augment, Model, Tabm, Train
from reprise.training.augment import Changes, draw
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine
from reprise.training.changed import changed_inputs
from reprise.training.mixing import drawn_partners, drawn_shares
from reprise.training.outcome import Engine

ROWS = 25


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 1.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    shares = drawn_shares(alpha, 20_000, 1, 0)
    assert shares.dtype == np.float32
    assert shares.min() >= 0
    assert shares.max() <= 1
    # Rounded to float, small alphas give 0 and 1 themselves often: the middle is compared.
    middle = shares[(shares > 0.001) & (shares < 0.999)]
    beta = stats.beta(alpha, alpha)
    low, high = beta.cdf([0.001, 0.999])
    assert len(middle) / len(shares) == pytest.approx(high - low, abs=0.015)
    assert stats.kstest(middle, lambda x: (beta.cdf(x) - low) / (high - low)).pvalue > 0.001


def test_the_least_alpha_gives_numbers() -> None:
    shares = drawn_shares(1e-6, 1000, 1, 0)
    assert np.isfinite(shares).all()
    assert shares.mean() == pytest.approx(0.5, abs=0.06)


def test_what_a_row_gets_is_decided_by_seed_epoch_and_row() -> None:
    shares = drawn_shares(0.7, 500, 1, 3)
    assert (drawn_shares(0.7, 100, 1, 3) == shares[:100]).all()
    assert (drawn_shares(0.7, 500, 1, 4) != shares).any()
    assert (drawn_shares(0.7, 500, 2, 3) != shares).any()
    assert sorted(drawn_partners(500, 1, 3)) == list(range(500))
    assert (drawn_partners(500, 1, 4) != drawn_partners(500, 1, 3)).any()


def changes_of(shape: tuple[int, ...]) -> Changes:
    changes = draw(Augment(mixup=1.0), ROWS, shape, 1, 0, CPU)
    assert changes is not None
    return changes


def torch_engine(model: torch.nn.Module, data: object, train: Train, weights: Tensor | None) -> Engine:
    return TorchEngine(model, data, train, weights)  # type: ignore[arg-type]


def kernel_engine(model: torch.nn.Module, data: object, train: Train, weights: Tensor | None) -> Engine:
    return KernelEngine(model, data, train, 1, weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine_of", [torch_engine, kernel_engine])
@pytest.mark.parametrize("classes", [0, 2, 3])
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_loss_and_its_gradient_are_those_of_both_targets(
    name: str, classes: int, engine_of: Callable[..., Engine]
) -> None:
    """The share of one and the rest of the other, smoothing and class weights included."""
    schema = schema_of(shape_for(name), classes)
    model, data, changes = model_of(name, schema), rows_of(schema, ROWS), changes_of(schema.shape)
    smoothing = 0.1 if classes else 0.0
    weights = torch.tensor([0.5, 1.5, 2.0][:classes]) if classes else None
    rows = torch.tensor([4, 9, 24, 9, 0])
    engine = engine_of(model, data, Train(batch_size=5, label_smoothing=smoothing), weights)
    outcome = engine.slice(0, rows, changes, 5, (0, 0, 0))

    assert changes.partners is not None
    assert changes.shares is not None
    outputs = model(changed_inputs(data, rows, changes))
    share = changes.shares[rows]
    own, other = data.y[rows], data.y[changes.partners[rows]]
    each = share * losses(outputs, own, smoothing, weights) + (1 - share) * losses(
        outputs, other, smoothing, weights
    )
    expected = torch.autograd.grad(each.sum() / 5, list(model.parameters()))
    found = (
        engine.packed.views(outcome.gradients[0]) if isinstance(engine, KernelEngine) else outcome.gradients
    )
    for part, exact in zip(found, expected, strict=True):
        torch.testing.assert_close(part, exact, rtol=1e-4, atol=1e-6)
    chosen = outputs.argmax(1)
    correct = (share * (chosen == own) + (1 - share) * (chosen == other)).sum() if classes else 0.0
    assert outcome.figures == (
        pytest.approx(float(each.detach().sum()), rel=1e-5),
        pytest.approx(float(correct), rel=1e-6),
    )


@pytest.mark.parametrize("outputs", ["per_class", "single"])
def test_members_and_single_logits_are_mixed_alike_by_both(outputs: str) -> None:
    schema = schema_of((5,), 2)
    model = build(
        Model(kind="tabm", outputs=outputs, tabm=Tabm(members=3, hidden=(6,), dropout=0.0)), schema, 1
    )
    data, changes, rows = rows_of(schema, ROWS), changes_of((5,)), torch.arange(7)
    model.train()
    train = Train(batch_size=7)
    by_torch = TorchEngine(model, data, train).slice(0, rows, changes, 7, (0, 0, 0))
    engine = KernelEngine(model, data, train, 1)
    by_kernels = engine.slice(0, rows, changes, 7, (0, 0, 0))
    assert by_kernels.figures == pytest.approx(by_torch.figures, rel=1e-5)
    flat = torch.cat([part.reshape(-1) for part in by_torch.gradients])
    torch.testing.assert_close(by_kernels.gradients[0], flat, rtol=1e-4, atol=1e-6)
