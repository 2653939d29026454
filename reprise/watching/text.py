"""Running trainings as text: where each is, its last figures, its best ones and a curve of one line."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from reprise.foundation.durations import duration
from reprise.training.display import epoch_line
from reprise.watching.names import names

BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-:=+*#"
STALE = 60.0  # seconds without a word after which a run is said to be silent


def block(runs: Sequence[Mapping[str, Any]], bars: str = BARS) -> str:
    """Return running trainings as lines, one after the other.

    Parameters
    ----------
    runs : sequence of mappings
        From `reprise.training.live.live_files`.
    bars : str
        Characters from low to high.
    """
    return "\n".join("\n".join(_lines(name, run, bars)) for name, run in zip(names(runs), runs, strict=True))


def _lines(name: str, run: Mapping[str, Any], bars: str) -> list[str]:
    progress, last, best, curve = run["progress"], run["last"], run["best"], run["curve"]
    now = time.time()
    quiet = now - run["updated"]
    since = f"process {run['pid']} on {run['host']}, for {duration(now - run['started'])}"
    lines = [f"{name}  ({since})", f"  now   {progress['text'].strip()}"]
    if quiet > STALE:
        lines[-1] += f"  (no word for {duration(quiet)})"
    if last is not None:
        lines.append(f"  last  {epoch_line(last, progress['epochs'])}")
    if best is not None:
        lines.append(f"  best  {best['name'].replace('_', ' ')} {best['value']:.4f} in epoch {best['epoch']}")
    values = [value for value in (curve or {}).get("values", []) if value is not None]
    if len(values) > 1:
        title = curve["name"].replace("_", " ")
        lines.append(f"  {title}  {values[0]:.4f} {sparkline(values, bars)} {values[-1]:.4f}")
    return lines


def sparkline(values: Sequence[float], bars: str = BARS) -> str:
    """Return values as a row of bars, low to high (Tufte, Beautiful Evidence, 2006)."""
    low, high = min(values), max(values)
    if high == low:
        return bars[0] * len(values)
    return "".join(bars[round((value - low) / (high - low) * (len(bars) - 1))] for value in values)


def ended(runs: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str:
    """Return a line for each training that was running and is not any more.

    Parameters
    ----------
    runs : sequence of mappings
        As they were seen at last.
    found : sequence of mappings
        What live files there are now; a training that ends well or is refused leaves none.
    """
    kept = {run["id"]: run for run in found}
    lines = []
    for name, run in zip(names(runs), runs, strict=True):
        now = kept.get(run["id"])
        if now is None:
            lines.append(f"{name}: ended")
        else:
            lines.append(f"{name}: interrupted in {_place(now)}; the same command resumes it")
    return "\n".join(lines)


def _place(run: Mapping[str, Any]) -> str:
    return f"epoch {run['progress']['epoch']} of {run['progress']['epochs']}"


def interrupted(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence about trainings that were ended with their state kept; empty where there is none."""
    if not runs:
        return ""
    newest = runs[0]
    many = f" and {len(runs) - 1} older" if len(runs) > 1 else ""
    return f"; interrupted, and resumed by the same command: {names([newest])[0]} in {_place(newest)}{many}"
