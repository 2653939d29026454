"""Learning rates, beside math.cos and torch's own schedulers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from reprise.settings.params import Train
from reprise.training.schedule import half_cosine, learning_rate

RATE = 0.01


def rates(total: int, **train: object) -> list[float]:
    return [learning_rate(step, total, Train(lr=RATE, **train)) for step in range(total)]


def torch_rates(total: int, scheduler, start: float = RATE, **settings: object) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=start)
    made = scheduler(optimizer, **settings)
    found = []
    for _ in range(total):
        found.append(made.get_last_lr()[0])
        optimizer.step()
        made.step()
    return found


@given(st.floats(0.0, 1.0))
@example(0.0)
@example(0.5)
@example(math.nextafter(0.5, 1.0))
@example(1.0)
def test_half_cosine_is_the_cosine(x: float) -> None:
    assert abs(half_cosine(x) - (1.0 + math.cos(math.pi * x)) / 2.0) < 1e-15
    assert 0.0 <= half_cosine(x) <= 1.0


def test_half_cosine_ends_exactly_and_falls() -> None:
    assert (half_cosine(0.0), half_cosine(1.0)) == (1.0, 0.0)
    values = [half_cosine(number / 5000) for number in range(5001)]
    assert values == sorted(values, reverse=True)


def test_constant() -> None:
    assert rates(7) == [RATE] * 7


@pytest.mark.parametrize("total", [1, 2, 5, 40])
def test_cosine(total: int) -> None:
    expected = torch_rates(total, lr_scheduler.CosineAnnealingLR, T_max=total)
    assert rates(total, schedule="cosine") == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("warmup", [0.1, 0.25, 0.5])
def test_a_warm_up_rises_in_equal_steps(warmup: float) -> None:
    total = 40
    steps = round(total * warmup)
    expected = torch_rates(
        total, lr_scheduler.LinearLR, start_factor=1 / (steps + 1), end_factor=1.0, total_iters=steps
    )
    assert rates(total, warmup=warmup) == pytest.approx(expected, rel=1e-12)
    with_cosine = rates(total, warmup=warmup, schedule="cosine")
    assert with_cosine[:steps] == pytest.approx(expected[:steps], rel=1e-12)
    assert with_cosine[steps:] == pytest.approx(rates(total - steps, schedule="cosine"), rel=1e-12)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("total", [10, 41, 200])
def test_one_cycle(total: int, warmup: float) -> None:
    steps = round((warmup or 0.3) * total)
    # torch counts the rise from step 0 to step pct_start * total - 1, and its end below its start.
    expected = torch_rates(
        total,
        lr_scheduler.OneCycleLR,
        max_lr=RATE,
        total_steps=total + 1,
        pct_start=(steps + 1) / (total + 1),
        div_factor=25,
        final_div_factor=400,
        cycle_momentum=False,
    )
    found = rates(total, schedule="one_cycle", warmup=warmup)
    assert found[: steps + 1] == pytest.approx(expected[: steps + 1], rel=1e-12)
    assert found[0] == pytest.approx(RATE / 25, rel=1e-12)
    assert max(found) == found[steps] == RATE
    assert found[-1] == pytest.approx(RATE / 10_000, rel=1e-12)
    falling = torch_rates(
        total - steps, lr_scheduler.CosineAnnealingLR, T_max=total - steps - 1, eta_min=RATE / 10_000
    )
    assert found[steps:] == pytest.approx(falling, rel=1e-9)


@given(
    st.integers(1, 300),
    st.sampled_from(["constant", "cosine", "one_cycle"]),
    st.floats(0.0, 1.0, exclude_max=True),
)
def test_every_rate_is_positive_and_at_most_the_peak(total: int, schedule: str, warmup: float) -> None:
    found = rates(total, schedule=schedule, warmup=warmup)
    assert all(0.0 < rate <= RATE for rate in found)
