"""Sharing out whole groups of rows, so that no group is in two splits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from reprise.foundation import seeds
from reprise.foundation.errors import UserError


def assign_groups(
    groups: NDArray[np.int64], labels: NDArray[np.int64] | None, test: Fraction, val: Fraction, seed: int
) -> NDArray[np.uint8]:
    """Return the split of each row (0 train, 1 val, 2 test), the same for all rows of a group.

    See `share_groups`.
    """
    wanted = {0: (1 - test) * (1 - val), 1: (1 - test) * val, 2: test}
    wanted = {split: share for split, share in wanted.items() if share > 0}
    parts = f"{len(wanted)} splits; use a column with more groups, or set prepare.split.val to 0"
    return share_groups(groups, labels, wanted, seed, parts)


def share_groups(
    groups: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    wanted: dict[int, Fraction],
    seed: int,
    told: str,
) -> NDArray[np.uint8]:
    """Return the part of each row, the same for all rows of a group.

    The largest groups go first, equal ones in random order, each to the part that lacks most of the
    group's rows, counted per class when there are labels. Shares are met as closely as whole groups allow.

    Parameters
    ----------
    groups : array (rows,)
    labels : array (rows,), optional
        Class numbers.
    wanted : dict
        Share of each part, by its number below 256.
    seed : int
    told : str
        How many parts of what kind, and what to do when there are fewer groups.

    Raises
    ------
    UserError
        If there are fewer groups than parts.
    """
    names, group_of, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < len(wanted):
        raise UserError(f"prepare.csv.group: {len(names)} group(s) cannot fill {told}")
    order = seeds.permutation(len(names), seed, "split", "groups")
    order = order[np.argsort(-sizes[order], kind="stable")]
    members = _classes_of_groups(group_of, labels, len(names))
    chosen = _fill(order.tolist(), members, wanted)
    _fill_empty_splits(order.tolist(), chosen, list(wanted))
    return np.array(chosen, np.uint8)[group_of]


def _classes_of_groups(
    group_of: NDArray[np.intp], labels: NDArray[np.int64] | None, count: int
) -> list[list[tuple[int, int]]]:
    """Return (class, rows) pairs for each group."""
    strata = np.zeros(len(group_of), np.int64) if labels is None else labels
    pairs, rows = np.unique(np.stack([group_of, strata]), axis=1, return_counts=True)
    members: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for group, label, size in zip(*pairs.tolist(), rows.tolist(), strict=True):
        members[group].append((label, size))
    return members


def _fill(order: list[int], members: list[list[tuple[int, int]]], wanted: dict[int, Fraction]) -> list[int]:
    total: dict[int, int] = {}
    for pairs in members:
        for label, size in pairs:
            total[label] = total.get(label, 0) + size
    # What a split still lacks of a class, in shares of that class: the same scale for rare and common ones.
    lacks = {split: dict.fromkeys(total, float(share)) for split, share in wanted.items()}
    chosen = [0] * len(members)
    for group in order:
        need = {split: sum(size * of[label] for label, size in members[group]) for split, of in lacks.items()}
        best = max(need, key=lambda split: need[split])
        chosen[group] = best
        for label, size in members[group]:
            lacks[best][label] -= size / total[label]
    return chosen


def _fill_empty_splits(order: list[int], chosen: list[int], wanted: list[int]) -> None:
    """Give a split that got nothing the smallest group of the split with most groups."""
    for split in wanted:
        if split not in chosen:
            richest = max(wanted, key=chosen.count)
            smallest = next(group for group in reversed(order) if chosen[group] == richest)
            chosen[smallest] = split
