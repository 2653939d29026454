"""Several ranks in the threads of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor

from reprise.training.ranks import Ranks


class FakeRanks(Ranks):
    """One of several ranks that live in threads of this process and meet at a barrier."""

    @classmethod
    def world(cls, size: int) -> list[FakeRanks]:
        meeting, board = threading.Barrier(size, timeout=30), [None] * size
        ranks = [cls(rank, size) for rank in range(size)]
        for rank in ranks:
            object.__setattr__(rank, "meeting", meeting)
            object.__setattr__(rank, "board", board)
        return ranks

    def gather(self, own: Tensor) -> list[Tensor]:
        self.board[self.rank] = own.clone()
        self.meeting.wait()
        parts = [part.clone() for part in self.board]
        self.meeting.wait()
        assert all(part.shape == own.shape and part.dtype == own.dtype for part in parts)
        return parts


def together(work: list[Callable[[], Any]]) -> list[Any]:
    """Run each function in a thread of its own; return the results."""
    results: list[Any] = [None] * len(work)

    def run(number: int) -> None:
        results[number] = work[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
