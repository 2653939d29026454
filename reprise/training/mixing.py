"""Mixup (Zhang et al., 2018): which rows are mixed, and in what shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reprise.foundation import seeds
from reprise.foundation.elementary import exp, log


def drawn_partners(rows: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the row that each row is mixed with, shape (rows,): any of the train split, each for one row.

    Not one of the same batch, so that it depends on the epoch and the row alone.
    """
    return seeds.permutation(rows, seed, "partners", epoch)


def drawn_shares(alpha: float, rows: int, seed: int, epoch: int) -> NDArray[np.float32]:
    """Return each row's own share, from Beta(alpha, alpha), shape (rows,).

    By Jöhnk's method (1964): u**(1/alpha) / (u**(1/alpha) + v**(1/alpha)) of the first u and v, uniform in
    (0, 1], for which that sum is at most 1.

    Parameters
    ----------
    alpha : float
        Above 0, at most 1, where the method takes the first pair more often than not.
    """
    shares = np.zeros(rows)
    waiting = np.arange(rows)
    for attempt in range(1000):  # each leaves less than about half of them waiting
        if len(waiting) == 0:
            break
        # A draw for every row: what one gets must not depend on which others are waiting.
        u, v = (1.0 - seeds.uniform(rows, seed, f"share {part}", epoch, attempt)[waiting] for part in "uv")
        log_u, log_v = log(u) / alpha, log(v) / alpha
        taken = exp(log_u) + exp(log_v) <= 1.0
        # 1 / (1 + (v/u)**(1/alpha)): also right where both powers are too small for a float.
        shares[waiting[taken]] = (1.0 / (1.0 + exp(log_v - log_u)))[taken]
        waiting = waiting[~taken]
    return shares.astype(np.float32)
