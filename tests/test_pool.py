"""The pool: results in order whoever is late, exceptions that arrive, updates shared out."""

from __future__ import annotations

import ctypes
import gc
import threading
import time

import pytest
import torch
from tiny import model_of, rows_of, same_bits, schema_of, shape_for
from torch import Tensor

from reprise.arithmetic.library import kernels
from reprise.arithmetic.structures import SharedUpdate, Update
from reprise.model.architectures import build
from reprise.settings.params import Mlp, Model, Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.optimizers import KernelOptimizer
from reprise.training.pool import Pool

AT_ONCE = 8192  # values that a thread takes of a shared update (sharing.c)


@pytest.mark.parametrize("workers", [1, 2, 3, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 5, 16])
def test_results_come_in_order_whoever_is_late(workers: int, count: int) -> None:
    pool = Pool(workers)

    def work(number: int, worker: int) -> tuple[int, int, str]:
        time.sleep(0.002 * (count - number) / max(count, 1))
        return number, worker, threading.current_thread().name

    done = pool.map(work, count)
    pool.close()
    assert [number for number, _, _ in done] == list(range(count))
    assert {worker for _, worker, _ in done} <= set(range(min(workers, count)))
    own = threading.current_thread().name
    assert all((worker == 0) == (name == own) for _, worker, name in done)


def test_who_is_held_up_delays_the_others_by_one_piece_at_most() -> None:
    pool, held = Pool(2), threading.Event()

    def work(number: int, worker: int) -> int:
        if number == 0:
            assert held.wait(10)  # until all other pieces are done
        elif number == 7:
            held.set()
        return worker

    done = pool.map(work, 8)
    pool.close()
    assert done.count(done[0]) == 1


def test_a_worker_has_one_piece_at_a_time() -> None:
    pool = Pool(4)
    busy = [threading.Lock() for _ in range(4)]

    def work(_number: int, worker: int) -> None:
        assert busy[worker].acquire(blocking=False)
        time.sleep(0.0005)
        busy[worker].release()

    pool.map(work, 100)
    pool.close()


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_an_exception_in_any_worker_reaches_the_caller(bad: int) -> None:
    pool = Pool(3)

    def work(number: int, _worker: int) -> int:
        if number == bad:
            raise ZeroDivisionError
        return number

    with pytest.raises(ZeroDivisionError):
        pool.map(work, 3)
    assert pool.map(lambda number, _worker: number, 3) == [0, 1, 2]  # and the pool goes on
    pool.close()


# Updates, shared out


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("clip_norm", [None, 0.1])
@pytest.mark.parametrize(
    "train",
    [
        Train(optimizer="adam"),
        Train(optimizer="adamw", weight_decay=0.1),
        Train(optimizer="sgd", momentum=0.9, weight_decay=0.1),
    ],
    ids=lambda train: train.optimizer,
)
def test_an_update_shared_out_is_the_same_bits(train: Train, clip_norm: float | None, workers: int) -> None:
    train = train.model_copy(update={"clip_norm": clip_norm})

    def updated(count: int) -> dict[str, Tensor]:
        pool = Pool(count, shared_from=0)
        schema = schema_of((100,))
        model = build(Model(kind="mlp", mlp=Mlp(hidden=(300,))), schema, 1)
        engine = KernelEngine(model, rows_of(schema, 2), train, 1)
        assert 3 * AT_ONCE < engine.parameters[0].numel() < 4 * AT_ONCE
        optimizer = KernelOptimizer(engine, train, pool)
        generator = torch.Generator().manual_seed(1)
        for _ in range(3):
            parts = [[torch.randn(engine.parameters[0].shape, generator=generator)] for _ in range(2)]
            optimizer.step(parts, 0.01)
        pool.close()
        return {**model.state_dict(), **optimizer.tensors()}

    assert same_bits(updated(1), updated(workers))


@pytest.mark.parametrize(("above", "threads"), [(1, 1), (0, 2)])
def test_few_values_stay_with_the_caller(above: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = schema_of(shape_for("mlp"))
    engine = KernelEngine(model_of("mlp", schema), rows_of(schema, 2), Train(), 1)
    count = engine.parameters[0].numel()
    pool = Pool(2, shared_from=count + above)
    asked = []
    monkeypatch.setattr(pool, "map", lambda _work, pieces: asked.append(pieces))
    KernelOptimizer(engine, Train(), pool).step([[torch.zeros(count)]], 0.01)
    pool.close()
    assert asked == [threads]


def test_threads_that_come_late_to_an_update_change_nothing() -> None:
    """More come than there is work for, some of them when all is done."""
    values, gradient = torch.zeros(2 * AT_ONCE + 5), torch.ones(2 * AT_ONCE + 5)
    addresses = (ctypes.c_void_p * 1)(gradient.data_ptr())
    update = SharedUpdate(
        settings=ctypes.pointer(Update(rate=1.0, factor=1.0)),
        values=values.data_ptr(),
        gradients=ctypes.addressof(addresses),
        slices=1,
        count=len(values),
    )
    threads = [threading.Thread(target=kernels().share_update, args=(update,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kernels().share_update(update)
    assert torch.equal(values, -gradient)


def test_a_forgotten_pool_ends_its_threads() -> None:
    before = threading.active_count()

    def use_and_forget() -> None:
        pool = Pool(3)
        assert pool.map(lambda number, _worker: (pool, number)[1], 4) == [0, 1, 2, 3]
        assert threading.active_count() == before + 2

    use_and_forget()
    for _ in range(100):
        gc.collect()
        if threading.active_count() == before:
            return
        time.sleep(0.01)
    pytest.fail("the threads are still there")


def test_a_thread_that_wakes_late_keeps_nobody_waiting() -> None:
    """While the second thread is busy elsewhere, the caller does all pieces and returns."""
    pool, free = Pool(2), threading.Event()
    entered = threading.Event()

    def block(_worker: int) -> None:
        entered.set()
        free.wait(10)

    pool._jobs[0].put(block)
    assert entered.wait(10)
    assert pool.map(lambda _number, worker: worker, 5) == [0] * 5
    assert not free.is_set()
    free.set()
    pool.close()
