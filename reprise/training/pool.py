"""The threads of one process, and how work is shared out among them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from torch import Tensor

Result = TypeVar("Result")
# Values from which elementwise work is worth handing to another thread, which takes about 50 µs.
SHARED_FROM = 1_000_000


class Pool:
    """Shares numbered pieces of work out among threads; the first one is the caller's own."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
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

    def share(self, tensors: Sequence[Tensor], work: Callable[[slice], None]) -> None:
        """Call `work` on ranges that together cover a list of tensors; each worker gets about as many values.

        A tensor is never cut, so elementwise work gives the same bits for any number of workers.
        """
        sizes = [tensor.numel() for tensor in tensors]
        workers = self.workers if sum(sizes) >= SHARED_FROM else 1
        ranges = cut_evenly(sizes, workers)
        self.map(lambda number: work(ranges[number]), len(ranges))

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)


def cut_evenly(sizes: Sequence[int], parts: int) -> list[slice]:
    """Cut a list into at most `parts` ranges, none of them empty, of about the same sum of sizes.

    An item belongs to the part in which its middle lies.
    """
    total = max(1, sum(sizes))
    middles = [end - size / 2 for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]
    part_of = [min(parts - 1, int(parts * middle / total)) for middle in middles]
    edges = [number for number in range(len(sizes)) if number == 0 or part_of[number] != part_of[number - 1]]
    return [slice(start, end) for start, end in itertools.pairwise([*edges, len(sizes)])]


def _do(work: Callable[[int], Result], numbers: range) -> list[Result]:
    return [work(number) for number in numbers]
