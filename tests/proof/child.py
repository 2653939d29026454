"""Run stages on cases, in this process: the program that the proofs start.

    python child.py FOLDER CASE[,CASE…] STAGE[,STAGE…] [WORKERS] [often]

``often`` saves the training's state twenty times a second instead of every two seconds, so that kills meet
many states and many half-written files. Only the standard library is loaded before
the stages are.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path


def main(folder: str, cases: str, stages: str, workers: str = "auto", often: str = "") -> None:
    """Run every stage of every case, through the stages' own command lines."""
    for case in cases.split(","):
        place = Path(folder) / case
        for stage in stages.split(","):
            if _is_for_another_process(stage):
                continue
            places = {"--params": place / "params.yaml", "--prepared": place / "prepared"}
            if stage != "prepare":
                places |= {"--model": place / "model", "--metrics": place / "metrics"}
                places["--workers"] = Path(workers)
            sys.argv = [stage, *(str(word) for pair in places.items() for word in pair)]
            module = importlib.import_module(f"stages.{stage}")
            if often and stage == "train":
                _save_often()
            module.main()


def _is_for_another_process(stage: str) -> bool:
    # Only a training is shared among processes; of the other stages torchrun needs one.
    return stage != "train" and os.environ.get("RANK", "0") != "0"


def _save_often() -> None:
    from reprise.training import checkpoint

    checkpoint.SHORTEST_INTERVAL, checkpoint.LARGEST_SHARE = 0.05, 1.0


if __name__ == "__main__":
    from reprise.foundation.errors import exit_with

    exit_with(lambda: main(*sys.argv[1:]))
