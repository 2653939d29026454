"""The pool: results in order whoever is late, exceptions that arrive, updates cut by whole tensors."""

from __future__ import annotations

import threading
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import model_of, same_bits, schema_of, shape_for
from torch import Tensor

from reprise.settings.params import Train
from reprise.training import pool as pools
from reprise.training.optimizers import Optimizer
from reprise.training.pool import Pool, cut_evenly


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 16])
def test_results_come_in_order_whoever_is_late(workers: int, count: int) -> None:
    pool = Pool(workers)

    def work(number: int) -> tuple[int, str]:
        time.sleep(0.002 * (count - number) / max(count, 1))
        return number, threading.current_thread().name

    done = pool.map(work, count)
    pool.close()
    assert [number for number, _ in done] == list(range(count))
    assert len({name for _, name in done}) <= max(1, min(workers, count))
    # The caller's thread takes the first piece and every piece that is a multiple of the workers after it.
    own = threading.current_thread().name
    assert [number for number, name in done if name == own] == list(
        range(0, count, min(workers, max(count, 1)))
    )


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_exception_in_any_worker_reaches_the_caller(bad: int) -> None:
    pool = Pool(3)

    def work(number: int) -> int:
        if number == bad:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        pool.map(work, 3)
    assert pool.map(lambda number: number, 3) == [0, 1, 2]  # and the pool goes on
    pool.close()


# Elementwise work, shared out


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(1, 9))
def test_ranges_cover_a_list_once_in_order(sizes: list[int], parts: int) -> None:
    ranges = cut_evenly(sizes, parts)
    assert [number for part in ranges for number in range(part.start, part.stop)] == list(range(len(sizes)))
    assert all(part.stop > part.start for part in ranges if sizes)
    assert len(ranges) <= parts
    # An item goes where its middle lies, so a part can exceed the even share by an item's half at each end.
    largest = max(sizes, default=0)
    assert all(sum(sizes[part]) <= sum(sizes) / parts + largest for part in ranges)


def test_one_large_tensor_leaves_the_rest_together() -> None:
    assert cut_evenly([1, 1, 98], 4) == [slice(0, 2), slice(2, 3)]
    assert cut_evenly([3, 0], 1) == [slice(0, 2)]
    assert cut_evenly([10, 10, 10, 10], 2) == [slice(0, 2), slice(2, 4)]


def test_few_values_stay_with_the_caller_and_many_do_not() -> None:
    def names(values: int) -> set[str]:
        pool, seen = Pool(2), set()
        tensors = [torch.empty(values), torch.empty(values)]
        pool.share(tensors, lambda _: seen.add(threading.current_thread().name))
        pool.close()
        return seen

    assert names(10) == {threading.current_thread().name}
    assert len(names(pools.SHARED_FROM)) == 2


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize(
    "train",
    [
        Train(optimizer="adam"),
        Train(optimizer="adamw", weight_decay=0.1),
        Train(optimizer="sgd", momentum=0.9, weight_decay=0.1),
    ],
    ids=lambda train: train.optimizer,
)
def test_an_update_shared_out_is_the_same_bits(train: Train, workers: int, monkeypatch) -> None:
    monkeypatch.setattr(pools, "SHARED_FROM", 0)

    def updated(count: int) -> dict[str, Tensor]:
        model, pool = model_of("cnn", schema_of(shape_for("cnn"))), Pool(count)
        optimizer = Optimizer(model, train, pool)
        generator = torch.Generator().manual_seed(1)
        for _ in range(3):
            optimizer.step([torch.randn(p.shape, generator=generator) for p in model.parameters()], 0.01)
        pool.close()
        return {**model.state_dict(), **optimizer.tensors()}

    assert same_bits(updated(1), updated(workers))
