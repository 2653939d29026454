"""The threads of one process, and how work is shared out among them."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import TypeVar

Result = TypeVar("Result")
# Values from which elementwise work is worth handing to another thread, which takes about 20 µs.
SHARED_FROM = 200_000
Job = Callable[[int], None]  # called with the worker's number


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
        # Not concurrent.futures: handing work over by its futures takes twice as long.
        self._jobs = [SimpleQueue[Job | None]() for _ in range(1, workers)]
        threads = [
            Thread(target=_serve, args=(jobs, worker), name=f"slices-{worker}", daemon=True)
            for worker, jobs in enumerate(self._jobs, start=1)
        ]
        for thread in threads:
            thread.start()
        # Also when the pool is forgotten and at the interpreter's end: a kernel must not outlive its memory.
        self._end = weakref.finalize(self, _end, self._jobs, threads)

    def map(self, work: Callable[[int, int], Result], count: int) -> list[Result]:
        """Return the results of pieces 0 … count - 1, in order.

        A worker takes the next piece when it is done with one, so that a thread which another program
        holds up delays the others by one piece at most, and by none if it has not begun.

        Parameters
        ----------
        work : callable
            Called with a piece's number and the worker's; a worker has one piece at a time.
        count : int
        """
        if not self._jobs or count < 2:
            return [work(number, 0) for number in range(count)]
        waiting = deque(range(count))
        results: dict[int, Result] = {}
        failures: list[BaseException] = []
        ended: SimpleQueue[int] = SimpleQueue()

        def run(worker: int) -> None:
            while waiting:
                try:
                    number = waiting.popleft()
                except IndexError:  # another worker took the last one in between
                    return
                try:
                    if not failures:
                        results[number] = work(number, worker)
                except BaseException as error:  # raised again by the caller
                    failures.append(error)
                ended.put(number)

        for jobs in self._jobs[: count - 1]:
            jobs.put(run)
        run(0)
        for _ in range(count):
            ended.get()
        if failures:
            raise failures[0]
        return [results[number] for number in range(count)]

    def close(self) -> None:
        """End the threads, when they have done what they are at."""
        self._end()


def _end(queues: list[SimpleQueue[Job | None]], threads: list[Thread]) -> None:
    for jobs in queues:
        jobs.put(None)
    for thread in threads:
        if thread is not current_thread():
            thread.join()


def _serve(jobs: SimpleQueue[Job | None], worker: int) -> None:
    """Do one worker's jobs until there is None."""
    while (job := jobs.get()) is not None:
        job(worker)
        del job  # with all that it refers to: the pool may be among it
