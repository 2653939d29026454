"""The threads of one process, and how work is shared out among them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
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

    def map(self, work: Callable[[int, int], Result], count: int) -> list[Result]:
        """Return the results of pieces 0 … count - 1, in order.

        A worker takes the next piece when it is done with one, so that a thread which another program
        holds up delays the others by one piece at most.

        Parameters
        ----------
        work : callable
            Called with a piece's number and the worker's; a worker has one piece at a time.
        count : int
        """
        if self._threads is None or count < 2:
            return [work(number, 0) for number in range(count)]
        waiting = deque(range(count))
        done: dict[int, Result] = {}

        def run(worker: int) -> None:
            while waiting:
                try:
                    number = waiting.popleft()
                except IndexError:  # another worker took the last one in between
                    return
                try:
                    done[number] = work(number, worker)
                except BaseException:
                    waiting.clear()
                    raise

        others = [self._threads.submit(run, worker) for worker in range(1, min(self.workers, count))]
        try:
            run(0)
        finally:
            wait(others)
        for other in others:
            other.result()
        return [done[number] for number in range(count)]

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)
