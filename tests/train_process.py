"""The train stage as a process that tests start, kill and start again, each in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import forked
from tiny import rows_of, schema_of

from reprise.foundation.errors import exit_with
from reprise.foundation.states import STATE_VARIABLE
from reprise.prepared.schema import SPLITS
from reprise.prepared.shards import Arrays, PreparedWriter
from reprise.training import checkpoint, live_history
from reprise.training.display import Display

COUNTS = {"train": 46, "val": 20, "test": 5}
STEPS = 3 * 3  # 46 rows in batches of 16, three epochs
PARAMS = {
    "prepare": {"dataset": "images"},
    "model": {
        "cnn": {"channels": [4, 6], "strides": [2, 1], "hidden": [8], "dropout": 0.3, "batch_norm": True},
    },
    "train": {
        "epochs": 3, "batch_size": 16, "slices": 3, "lr": 0.02, "schedule": "one_cycle",
        "augment": {"shift": 1, "crop": 0.6, "rotate": 10, "contrast": 0.2, "cutout": 2, "mixup": 0.2},
    },
    "evaluate": {},
}  # fmt: skip
OUTPUTS = ("models/model.json", "models/model.safetensors", "metrics/history.csv")


def write_prepared(folder: Path) -> None:
    schema = schema_of((1, 8, 8), counts=COUNTS)
    with PreparedWriter(folder) as writer:
        for split in SPLITS:
            rows = rows_of(schema, COUNTS[split], split)
            ids = rows.y.new_tensor(range(COUNTS[split])).numpy()
            writer.add(split, Arrays(rows.x.numpy(), rows.y.numpy(), ids))
        writer.finish(schema)


@dataclass(frozen=True)
class Place:
    """A folder with params, prepared data, outputs and state of its own."""

    folder: Path

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def arguments(self, *more: str) -> list[str]:
        named = {
            "params": "params.yaml", "prepared": "prepared", "model": "models", "metrics": "metrics",
        }  # fmt: skip
        return [f"--{name}={self.folder / path}" for name, path in named.items()] + ["--device=cpu", *more]

    def params(self, **train: Any) -> None:
        content = {**PARAMS, "train": {**PARAMS["train"], **train}}
        (self.folder / "params.yaml").write_text(json.dumps(content), encoding="utf-8")

    def start(self, *more: str, environment: dict[str, str] | None = None, **how: Any) -> ForkServerProcess:
        state = {STATE_VARIABLE: str(self.folder / "state")}
        return forked.start(
            stage, self.arguments(*more), how, log=self.folder / "log", **state, **(environment or {})
        )

    def train(self, *more: str, **how: Any) -> int | None:
        """Run the stage to its end; return its exit code, negative for the signal that killed it."""
        process = self.start(*more, **how)
        process.join(60)
        return process.exitcode

    def outputs(self) -> dict[str, bytes]:
        return {name: path.read_bytes() for name in OUTPUTS if (path := self.folder / name).exists()}

    def states(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "state").rglob("*") if path.is_file())


def place_in(folder: Path) -> Place:
    """Write params and prepared data into an empty folder."""
    write_prepared(folder / "prepared")
    place = Place(folder)
    place.params()
    return place


def stage(arguments: list[str], how: dict[str, Any]) -> None:
    """The train stage in this process, made to meet its fate at a chosen step.

    how: `die_at`, a step; `by`, the signal that it gets then (SIGKILL); `saves`, a state after every step;
    `steps`, how many there are; `grows`, a history after every epoch; `pause`, seconds after every step.
    """
    if how.get("grows"):
        live_history.SHORTEST_INTERVAL, live_history.LARGEST_SHARE = 0.0, float("inf")
    if how.get("saves"):
        checkpoint.SHORTEST_INTERVAL, checkpoint.LARGEST_SHARE = 0.0, float("inf")
    report = Display.report

    def fateful_report(self: Display, done: int, total: int, row: Any) -> None:
        report(self, done, total, row)
        time.sleep(how.get("pause", 0.0))
        assert total == how.get("steps", STEPS)
        if row is None and done == how.get("die_at"):
            os.kill(os.getpid(), how.get("by", signal.SIGKILL))

    Display.report = fateful_report  # type: ignore[method-assign]
    sys.argv = ["stages.train", *arguments]
    from stages import train

    exit_with(train.main)


def world(place: Place, size: int, **how: Any) -> list[ForkServerProcess]:
    """Start ranks with the variables that torchrun sets."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size),
    }  # fmt: skip
    return [
        place.start(environment={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, **how)
        for rank in range(size)
    ]
