"""What a process of its own does of a run: ``python -m reprise.spread.work FOLDER [--prepare]``.

Preparing and training are different processes, because the training's state is named after the code that is
loaded, and must be found again when nothing is left to prepare.
"""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

from reprise.data.folds import Fold
from reprise.evaluation import evaluate as evaluation
from reprise.foundation.errors import exit_with
from reprise.foundation.files import read_json, write_text
from reprise.preparing.prepare import prepare
from reprise.settings.params import Params
from reprise.spread.runs import DONE, ORDER, RAW, RESULTS
from reprise.training import run as training
from reprise.training.signals import when_the_parent_dies

TRAINED = "trained"


def main() -> None:
    """Prepare the data, or train and judge."""
    folder = Path(sys.argv[1])
    when_the_parent_dies(signal.SIGTERM)
    order = read_json(folder / ORDER)
    params, prepared = Params.model_validate(order["params"]), Path(order["prepared"])
    if "--prepare" in sys.argv[2:]:
        prepare(params.prepare, prepared, RAW, None if order["fold"] is None else Fold(*order["fold"]))
        return
    model, metrics = folder / "model", folder / RESULTS
    if not (folder / TRAINED).exists():
        training.run(params, training.Places(prepared, model, metrics), order["device"], 1)
        when_the_parent_dies(signal.SIGTERM)  # the training takes it back
        write_text(folder / TRAINED, "")
    evaluation.evaluate(params.evaluate, evaluation.Places(prepared, model, metrics), order["device"], 1)
    write_text(folder / DONE, "")
    shutil.rmtree(model)


if __name__ == "__main__":
    exit_with(main)
