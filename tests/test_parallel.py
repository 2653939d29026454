"""Work shared by threads comes back in order."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from reprise.foundation.errors import UserError
from reprise.foundation.parallel import in_order
from reprise.foundation.workers import cores, worker_count


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    def slow_first(number: int) -> int:
        time.sleep(0.002 * (number % 3 == 0))
        return number * number

    assert list(in_order(slow_first, range(30), workers)) == [number * number for number in range(30)]


@pytest.mark.parametrize("workers", [1, 3])
def test_an_endless_input_is_read_no_further_than_needed(workers):
    taken = []

    def source():
        for number in itertools.count():
            taken.append(number)
            yield number

    results = in_order(str, source(), workers)
    assert [next(results) for _ in range(4)] == ["0", "1", "2", "3"]
    results.close()
    assert len(taken) <= 4 + workers


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_arrives_at_its_place_and_no_thread_is_left(workers):
    before = threading.active_count()
    results = in_order(lambda number: 1 // (3 - number), range(100), workers)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert threading.active_count() == before


def test_worker_count():
    assert worker_count("auto") == cores() >= 1
    assert worker_count("3") == 3
    for text in ("0", "-1", "two", "1.5", "", "²"):
        with pytest.raises(UserError, match="--workers: must be a whole number ≥ 1 or auto"):
            worker_count(text)
