"""How far a training is, how fast it goes and how long it will take."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from reprise.foundation.durations import duration

SAMPLE, SAMPLES = 0.5, 60  # seconds between two looks at the clock that are kept, and how many: half a minute


class Standing:
    """Counts what is done, and knows the time of the last count and of some before it.

    Attributes
    ----------
    unit : str
        What is worked through: rows, pictures or steps.
    amount : int
        Of them in all epochs; 0: as many as there are steps.
    epochs : int
    done, total : int
        Steps.
    networks : (sequence of int, int)
        The numbers of those that are trained now, from 1, and how many there are.
    """

    def __init__(self, epochs: int = 1) -> None:
        self.begin("steps", 0, epochs)

    def begin(self, unit: str, amount: int, epochs: int) -> None:
        """Begin to count work of another kind."""
        self.unit, self.amount, self.epochs = unit, amount, epochs
        self.done = self.total = 0
        self.networks: tuple[Sequence[int], int] = ((1,), 1)
        self.now = 0.0
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)

    def note(self, done: int, total: int) -> None:
        """Take note that `done` of `total` steps are done."""
        self.done, self.total, self.now = done, total, time.monotonic()
        if not self._samples or self.now - self._samples[-1][0] >= SAMPLE:
            self._samples.append((self.now, done))

    def units(self, steps: int) -> int:
        """Return how many rows or pictures so many steps are."""
        return steps * self.amount // self.total if self.amount and self.total else steps

    @property
    def rate(self) -> float | None:
        """Rows, pictures or steps per second, of late; None when it is too early to say."""
        if not self._samples:
            return None
        since, done = self._samples[0]
        seconds = self.now - since
        return (self.units(self.done) - self.units(done)) / seconds if seconds >= SAMPLE else None

    @property
    def left(self) -> float | None:
        """Seconds that the rest takes at this speed; early stopping may end it before."""
        rate = self.rate
        return (self.units(self.total) - self.units(self.done)) / rate if rate else None

    @property
    def place(self) -> tuple[int, int, int]:
        """The running epoch from 1, the steps done in it, and how many it has.

        With several networks the epoch is that of all together.
        """
        steps = max(1, self.total // self.epochs)
        epoch = min(self.epochs, self.done // steps + 1)
        return epoch, self.done - (epoch - 1) * steps, steps

    def text(self) -> str:
        """Return all this as one line."""
        if not self.total:
            return "getting ready"
        parts = []
        running, networks = self.networks
        if networks > 1:
            parts.append(networks_text(running, networks))
        if self.unit == "pictures":
            parts.append(f"features of {self.done:,}/{self.total:,} pictures")
        else:
            epoch, step, steps = self.place
            parts.append(f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}")
            if networks == 1:
                parts.append(f"step {step:,}/{steps:,}")
        if (rate := self.rate) is not None:
            parts.append(f"{rate:,.0f} {self.unit}/s")
        if (left := self.left) is not None:
            parts.append(f"about {duration(left)} left")
        return "  ".join(parts)

    def state(self) -> dict[str, Any]:
        """Return all this as a JSON value."""
        epoch, step, steps = self.place
        running, networks = self.networks
        return {
            "unit": self.unit, "epochs": self.epochs, "epoch": epoch, "step": step, "steps": steps,
            "done": self.units(self.done), "of": self.units(self.total), "per_second": self.rate,
            "seconds_left": self.left, "networks": networks, "running_networks": list(running),
            "text": self.text(),
        }  # fmt: skip


def networks_text(running: Sequence[int], count: int) -> str:
    """Return ``network 1 of 5``, ``networks 1 and 2 of 5``, or ``5 networks`` when none is trained now."""
    if not running:
        return f"{count} networks"
    *first, last = map(str, running)
    return f"networks {', '.join(first)} and {last} of {count}" if first else f"network {last} of {count}"
