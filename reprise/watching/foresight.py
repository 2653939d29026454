"""Asking how long a training will take, of a process that loads torch while data is still being looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

from reprise.foundation.durations import MINUTE, duration
from reprise.foundation.workers import cores
from reprise.prepared.schema import Schema
from reprise.settings.params import Params

PATIENCE = 3.0  # seconds to wait for an answer at most
# Rows or pictures, times epochs and networks, with which a training takes less than a minute on any machine.
FEW_PASSES = {"table": 1_000_000, "images": 1_000}


class Foresight:
    """A process that estimates; it ends with the ``with`` block.

    Parameters
    ----------
    wanted : bool
        Whether there may be something worth estimating.
    """

    def __init__(self, wanted: bool) -> None:
        self._process: subprocess.Popen[str] | None = None
        if wanted:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reprise.watching.estimate"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip

    def __enter__(self) -> Foresight:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def line(self, params: Params, schema: Schema) -> str | None:
        """Return what to say of the training's time; None where it is short, or can't be told.

        Parameters
        ----------
        params : Params
        schema : Schema
            What prepared data will be like.
        """
        if self._process is None or passes(params, schema) < FEW_PASSES[schema.layout]:
            return None
        workers = cores()
        question = json.dumps(
            {
                "params": params.model_dump(mode="json", by_alias=True),
                "schema": schema.model_dump(mode="json"),
                "workers": workers,
            }
        )
        try:
            answer, _ = self._process.communicate(question, timeout=PATIENCE)
            seconds = float(answer)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            return None  # it is a courtesy: what keeps it from answering, the training itself will tell
        if seconds <= MINUTE:
            return None
        here = f"on this machine ({workers} cores)" if workers > 1 else "on this machine (1 core)"
        if params.model.kind == "pretrained" and params.model.pretrained.tune == "head":
            once = "once; the layer on them comes after"
            return f"time: the pictures' features take about {duration(seconds)} {here}, {once}"
        most = "up to " if params.train.patience is not None else ""
        return f"time: the training takes {most}about {duration(seconds)} {here}"


def passes(params: Params, schema: Schema) -> int:
    """Return how often a row is learnt from."""
    train = params.train
    epochs = 1 if train.optimizer == "exact" else train.epochs
    return schema.counts["train"] * epochs * max(1, train.folds - 1)
