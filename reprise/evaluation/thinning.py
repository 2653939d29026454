"""Fewer points of a curve, chosen so that it keeps its corners and its area."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MOST = 200  # points of a drawn curve
STRIPS = 4000  # of a curve with more points than twice that, before they are weighed one by one


def thin(x: NDArray[np.float64], y: NDArray[np.float64], most: int = MOST) -> NDArray[np.int64]:
    """Return the places of the points to keep, in order; the first and the last are among them.

    Of the inner points, those that the line through their neighbours passes are left out. While more than
    `most` are left, one goes whose triangle with its neighbours is smallest (Visvalingam and Whyatt, 1993):
    of the smallest left and the smallest right turn, the one that brings the thinned curve's area nearer to
    the whole one's. Stairs so keep outer and inner corners alike.

    Every step is one IEEE operation of Python or NumPy a value, so that the choice is the same everywhere.

    Parameters
    ----------
    x, y : array (points,)
        x never falls.
    most : int
        At least 2.
    """
    kept = _coarse(x) if len(x) > 2 * STRIPS else np.arange(len(x))
    kept = kept[_bends(x[kept], y[kept])]
    if len(kept) <= most:
        return kept
    chosen = list(_weighed(x[kept].tolist(), y[kept].tolist(), most))
    return kept[np.array(chosen, dtype=np.int64)]


def _coarse(x: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the first and last point of each of `STRIPS` strips of equal width."""
    low, high = x[0], x[-1]
    width = high - low if high > low else 1.0
    strip = np.minimum(((x - low) / width * STRIPS).astype(np.int64), STRIPS - 1)
    new = np.concatenate([[True], strip[1:] != strip[:-1]])
    last = np.concatenate([new[1:], [True]])
    return np.flatnonzero(new | last).astype(np.int64)


def _bends(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the places of the ends and of the points that don't lie inside a level or upright stretch."""
    same_x, same_y = x[1:] == x[:-1], y[1:] == y[:-1]
    straight = (same_x[1:] & same_x[:-1]) | (same_y[1:] & same_y[:-1])
    inner = np.flatnonzero(~straight) + 1
    return np.concatenate([[0], inner, [len(x) - 1]]).astype(np.int64) if len(x) > 1 else np.arange(len(x))


def _weighed(x: list[float], y: list[float], most: int) -> Iterator[int]:
    """Yield the points that are left when the lightest ones are gone."""
    before = [place - 1 for place in range(len(x))]
    after = [place + 1 for place in range(len(x))]

    def triangle(place: int) -> float:
        """Return twice the signed area by which the curve's area grows when the point goes."""
        a, b = before[place], after[place]
        return (y[a] - y[place]) * (x[b] - x[a]) - (y[a] - y[b]) * (x[place] - x[a])

    area = [0.0, *(triangle(place) for place in range(1, len(x) - 1)), 0.0]
    # One heap for each direction of turn; an entry whose area is no longer the point's is out of date.
    heaps: tuple[list[tuple[float, int]], ...] = ([], [])
    for place in range(1, len(x) - 1):
        heaps[area[place] > 0.0].append((abs(area[place]), place))
    for heap in heaps:
        heapq.heapify(heap)
    gone = [False] * len(x)
    grown = 0.0
    for _ in range(len(x) - most):
        for side, heap in enumerate(heaps):
            while heap and _outdated(heap[0], side, area, gone):
                heapq.heappop(heap)
        heads = [(abs(grown + area[heap[0][1]]), heap[0], side) for side, heap in enumerate(heaps) if heap]
        _, (_, place), side = min(heads)
        heapq.heappop(heaps[side])
        gone[place] = True
        grown += area[place]
        a, b = before[place], after[place]
        after[a], before[b] = b, a
        for neighbour in {a, b} - {0, len(x) - 1}:
            area[neighbour] = triangle(neighbour)
            heapq.heappush(heaps[area[neighbour] > 0.0], (abs(area[neighbour]), neighbour))
    return (place for place in range(len(x)) if not gone[place])


def _outdated(entry: tuple[float, int], side: int, area: list[float], gone: list[bool]) -> bool:
    weight, place = entry
    return gone[place] or weight != abs(area[place]) or side != (area[place] > 0.0)
