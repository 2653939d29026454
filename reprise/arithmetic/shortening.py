"""A list of operations without those that aren't needed, and with those together that one pass can do."""

from __future__ import annotations

from dataclasses import replace

from reprise.arithmetic.drafts import Draft, Kind, relu_of


def needed(operations: list[Draft], result: int) -> list[Draft]:
    """Leave out what the result doesn't depend on; the result's own operation comes last."""
    wanted = {result}
    for draft in reversed(operations):
        if draft.y in wanted:
            wanted |= {draft.x, draft.x2}
    return [draft for draft in operations if draft.y in wanted and draft.y <= result]


# Which operations do a ReLU (1) or a ReLU6 (2) on the way.
FUSABLE = {1: (Kind.LINEAR, Kind.CONVOLUTION, Kind.BATCH_NORM, Kind.SUM), 2: (Kind.LINEAR, Kind.CONVOLUTION)}


def fuse_relu(operations: list[Draft], result: int) -> list[Draft]:
    """Let an operation do the ReLU or ReLU6 that alone follows it; the same bits, a pass over memory less."""
    uses = [number for draft in operations for number in (draft.x, draft.x2)]
    makers = {draft.y: place for place, draft in enumerate(operations)}
    fused = list(operations)
    dropped = set()
    for place, draft in enumerate(operations):
        maker = makers.get(draft.x)
        relu = relu_of(draft)
        if not relu or maker is None or uses.count(draft.x) > 1 or draft.x == result:
            continue
        if fused[maker].kind in FUSABLE[relu] and not fused[maker].relu:
            fused[maker] = replace(fused[maker], relu=relu, y=draft.y)
            dropped.add(place)
    return [draft for place, draft in enumerate(fused) if place not in dropped]
