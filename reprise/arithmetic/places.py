"""Where a program's values and gradients lie: those that are not needed at the same time share memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from reprise.arithmetic.network import Network
from reprise.foundation.room import require_memory

APART = 16  # floats: values start at whole cache lines when the number of rows is whole


@dataclass(frozen=True)
class Span:
    """An array of `floats` a row that is needed from one moment to another, both included."""

    name: tuple[str, int]
    floats: int
    first: int
    last: int


@dataclass(frozen=True)
class Places:
    """Offsets in floats a row; multiply them by the most rows that a slice has.

    Attributes
    ----------
    values, gradients : dict
        By the value's number; gradients only where one is wanted.
    spare : int
        Room for the largest gradient; -1 where none is added to another.
    total : int
    """

    values: dict[int, int]
    gradients: dict[int, int]
    spare: int
    total: int


@dataclass(frozen=True)
class Uses:
    """Who makes and who uses a network's values.

    Attributes
    ----------
    made : dict
        Place of the operation that makes a value; -1 for the input.
    used : dict
        Places of the operations that use it, in order.
    wanted : set
        Values whose gradient leads to a parameter.
    """

    made: dict[int, int]
    used: dict[int, list[int]]
    wanted: set[int]


def uses(network: Network, parameters: set[str]) -> Uses:
    """Return who makes and uses each value; `parameters` are the names of those that there are."""
    made, used, wanted = {0: -1}, {0: list[int]()}, set[int]()
    for place, draft in enumerate(network.operations):
        made[draft.y] = place
        used[draft.y] = []
        for number in {draft.x, draft.x2} - {-1}:
            used[number].append(place)
        if {draft.weight, draft.bias} & parameters or {draft.x, draft.x2} & wanted:
            wanted.add(draft.y)
    return Uses(made, used, wanted)


def for_training(network: Network, found: Uses) -> Places:
    """Return places for a forward and a backward pass.

    Operation number n runs at moment n forwards and at moment 2 · count - n backwards. A value is kept until
    its maker's backward pass; its gradient lives from the last user's backward pass to the maker's.
    """
    end = 2 * len(network.operations)
    spans = []
    for number, made in found.made.items():
        floats = prod(network.shapes[number])
        spans.append(Span(("value", number), floats, made, end - max(made, 0)))
        if number in found.wanted:
            last_use = max(found.used[number], default=len(network.operations))
            spans.append(Span(("gradient", number), floats, end - last_use, end - made))
    both = {draft.x for draft in network.operations if draft.x == draft.x2}  # an operation uses it twice
    added = [number for number in found.wanted if len(found.used[number]) > 1 or number in both]
    if added:
        largest = max(prod(network.shapes[number]) for number in added)
        spans.append(Span(("spare", 0), largest, len(network.operations), end))
    return _arrange(spans)


def for_outputs(network: Network, found: Uses) -> Places:
    """Return places for a forward pass alone."""
    last = len(network.operations)
    return _arrange([
        Span(("value", number), prod(network.shapes[number]), made, max(found.used[number], default=last))
        for number, made in found.made.items()
    ])  # fmt: skip


def require(floats: int, rows: int, training: bool) -> None:
    """Refuse a network whose values and gradients need more memory than there is.

    Raises
    ------
    EnvironmentProblem
    """
    advice = "use smaller batches, more slices or a smaller model" if training else "use a smaller model"
    require_memory(4 * floats, f"model: computing {rows:,} row(s) together", advice)


def _arrange(spans: list[Span]) -> Places:
    """Give each span the lowest place that no span of the same time has; the largest choose first."""
    placed: list[tuple[int, Span]] = []
    for span in sorted(spans, key=lambda span: (-span.floats, span.name)):
        at = 0
        for start, other in sorted(placed, key=lambda pair: pair[0]):
            if other.last < span.first or other.first > span.last:
                continue
            if at + span.floats <= start:
                break
            at = max(at, start + -(-other.floats // APART) * APART)
        placed.append((at, span))
    by_name = {span.name: at for at, span in placed}
    return Places(
        {number: at for (kind, number), at in by_name.items() if kind == "value"},
        {number: at for (kind, number), at in by_name.items() if kind == "gradient"},
        by_name.get(("spare", 0), -1),
        max(at + span.floats for at, span in placed) + APART,
    )
