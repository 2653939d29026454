"""Shifts and mirror images beside naive loops over pixels."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import CPU
from torch import Tensor

from reprise.settings.params import Augment
from reprise.training.augment import Changes, draw
from reprise.training.changed import moved


def naive(x: Tensor, changes: Changes, rows: list[int]) -> Tensor:
    """Mirror, then shift, pixel by pixel; what comes from outside the image is 0."""
    out = torch.zeros_like(x)
    count, channels, height, width = x.shape
    for n in range(count):
        row = rows[n]
        down = 0 if changes.down is None else int(changes.down[row]) - changes.reach
        right = 0 if changes.right is None else int(changes.right[row]) - changes.reach
        mirrored = changes.mirrored is not None and bool(changes.mirrored[row])
        for c in range(channels):
            for i in range(height):
                for j in range(width):
                    source_i, source_j = i + down, j + right
                    if 0 <= source_i < height and 0 <= source_j < width:
                        from_j = width - 1 - source_j if mirrored else source_j
                        out[n, c, i, j] = x[n, c, source_i, from_j]
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 4),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 9),
)
def test_changes_are_those_of_a_naive_loop(
    shift: int, flip: bool, channels: int, height: int, width: int, epoch: int
) -> None:
    changes = draw(Augment(shift=shift, flip=flip), 10, (1, 6, 6), 1, epoch, CPU)
    if changes is None:
        assert shift == 0
        assert not flip
        return
    x = torch.arange(1, 1 + 4 * channels * height * width).reshape(4, channels, height, width).to(torch.uint8)
    before = x.clone()
    rows = [7, 0, 9, 7]
    found = moved(x, torch.tensor(rows), changes)
    assert found.dtype == torch.uint8
    assert torch.equal(found, naive(x, changes, rows))
    assert torch.equal(x, before)


def test_each_row_is_changed_alike_wherever_it_stands() -> None:
    changes = draw(Augment(shift=2, flip=True), 50, (1, 6, 6), 1, 3, CPU)
    assert changes is not None
    x = torch.arange(50 * 36).reshape(50, 1, 6, 6).to(torch.float32)
    rows = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    whole = moved(x, torch.arange(50), changes)
    assert torch.equal(moved(x[rows], rows, changes), whole[rows])
    assert torch.equal(moved(x[rows[:1]], rows[:1], changes), whole[rows[:1]])


def test_every_shift_and_both_sides_occur_and_differ_from_epoch_to_epoch() -> None:
    first = draw(Augment(shift=2, flip=True), 400, (1, 6, 6), 1, 0, CPU)
    second = draw(Augment(shift=2, flip=True), 400, (1, 6, 6), 1, 1, CPU)
    assert first is not None
    assert second is not None
    for name in ("down", "right", "mirrored"):
        one, other = getattr(first, name), getattr(second, name)
        assert sorted(set(one.tolist())) == ([0, 1, 2, 3, 4] if name != "mirrored" else [False, True])
        assert not torch.equal(one, other)
    assert not torch.equal(first.down, first.right)


def test_nothing_to_do() -> None:
    assert draw(Augment(), 10, (1, 6, 6), 1, 0, CPU) is None
