"""The threads of one process, and how work is shared out among them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")
# Values from which elementwise work is worth handing to another thread, which takes about 50 µs.
SHARED_FROM = 1_000_000


class Pool:
    """Shares numbered pieces of work out among threads; the first one is the caller's own.

    Parameters
    ----------
    workers : int
    shared_from : int
        Values from which elementwise work on them is worth sharing out.
    """

    def __init__(self, workers: int, shared_from: int = SHARED_FROM) -> None:
        self.workers, self.shared_from = workers, shared_from
        self._threads = ThreadPoolExecutor(workers - 1, "slices") if workers > 1 else None

    def map(self, work: Callable[[int], Result], count: int) -> list[Result]:
        """Return ``[work(0), …, work(count - 1)]``; piece n is done by worker n modulo workers."""
        if self._threads is None or count < 2:
            return [work(number) for number in range(count)]
        workers = min(self.workers, count)
        others = [
            self._threads.submit(_do, work, range(worker, count, workers)) for worker in range(1, workers)
        ]
        done = [_do(work, range(0, count, workers)), *(other.result() for other in others)]
        return [done[number % workers][number // workers] for number in range(count)]

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)


def _do(work: Callable[[int], Result], numbers: range) -> list[Result]:
    return [work(number) for number in numbers]
