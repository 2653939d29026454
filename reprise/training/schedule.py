"""Learning rates as pure functions of the step.

Only + - × ÷ are used, because the C library's cos and pow differ between processors.
"""

from __future__ import annotations

from reprise.settings.params import Train

PI = 3.141592653589793
START, END = 1 / 25, 1 / 10_000  # of the peak rate: where one-cycle starts and ends (Smith & Topin, 2017)


def learning_rate(step: int, total: int, train: Train) -> float:
    """Return the rate of a step.

    Parameters
    ----------
    step : int
        From 0 to total - 1, counted over all epochs.
    total : int
        Steps of the whole training.
    train : Train
        `lr` is the peak rate, `warmup` the share of steps over which it rises.
    """
    warmup = round(train.warmup * total)
    if train.schedule == "one_cycle":
        # Without a share of its own, one-cycle rises over 30 % of the steps, as is usual.
        warmup = warmup or round(0.3 * total)
        if step < warmup:
            return _between(train.lr * START, train.lr, half_cosine(1.0 - step / warmup))
        return _between(train.lr * END, train.lr, half_cosine(_share(step - warmup, total - warmup)))
    if step < warmup:
        return train.lr * (step + 1) / (warmup + 1)
    if train.schedule == "cosine":
        return train.lr * half_cosine((step - warmup) / (total - warmup))
    return train.lr


def half_cosine(x: float) -> float:
    """Return (1 + cos πx) / 2 for x in [0, 1], to 1e-15, by its Taylor series.

    cos is summed on [0, π/2], where the series ends soon, and mirrored for the other half.
    """
    angle = PI * min(x, 1.0 - x)
    term, cosine = 1.0, 1.0
    for n in range(1, 12):
        term *= -angle * angle / ((2 * n - 1) * (2 * n))
        cosine += term
    return 0.5 * (1.0 + (cosine if x <= 0.5 else -cosine))


def _share(step: int, steps: int) -> float:
    return step / (steps - 1) if steps > 1 else 1.0


def _between(low: float, high: float, share: float) -> float:
    return low + (high - low) * share
