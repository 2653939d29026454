"""Export with a check: the exported model must agree with the PyTorch model on real rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from reprise.arithmetic.runtime import configure
from reprise.export.deployed import Deployed
from reprise.export.formats import Format, Run, runner, to_bytes
from reprise.foundation import seeds
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.files import sha256_bytes, write_bytes
from reprise.foundation.room import require_disk
from reprise.model.card import ModelCard
from reprise.model.file import load_model
from reprise.own.errors import telling
from reprise.prepared.schema import SCHEMA_FILE, Schema
from reprise.prepared.shards import read_schema, read_split

ROWS = 1000  # that the check uses, at most
TOLERANCE = 1e-4  # of the largest output; rounding alone stays below a hundredth of it


class Checked(NamedTuple):
    """What the check found."""

    rows: int
    kind: str  # of the rows, in words
    difference: float  # the largest one between an exported output and PyTorch's
    outputs: str  # what the outputs are
    sha256: str


def export(folder: Path, prepared: Path, form: Format, output: Path, *, trust: bool = False) -> Checked:
    """Write the model of a folder in another format, after checking it.

    Parameters
    ----------
    folder : Path
        The model files.
    prepared : Path
        Prepared data; where it is not that of the model, random rows are used.
    form : {"onnx", "torch"}
    output : Path
    trust : bool
        Run the code that the model file carries (see `load_model`).

    Raises
    ------
    EnvironmentProblem
        If the exported model computes something else; nothing is written then.
    """
    require_disk(output.parent)
    module, card = load_model(folder, trust=trust)
    configure("cpu", "native")  # nothing that is compared or written depends on the kernels' last bits
    deployed = Deployed(module, card.data).eval()
    x, kind = _rows(card.data, prepared)
    with telling(None):
        data = to_bytes(form, deployed, torch.from_numpy(x[:2]), _facts(card, deployed))
        difference = _compare(runner(form, data), deployed, x)
    if not difference <= TOLERANCE:
        raise EnvironmentProblem(
            f"export: the {form} model differs by {difference:.3g} from PyTorch on {len(x)} {kind}; nothing"
            " was written. Are the packages those of requirements.lock (reprise doctor)?"
        )
    write_bytes(output, data)
    return Checked(len(x), kind, difference, deployed.output_name, sha256_bytes(data))


def _facts(card: ModelCard, deployed: Deployed) -> dict[str, Any]:
    schema = card.data
    threshold = {} if card.threshold is None else {"threshold": card.threshold}
    return {
        **threshold,
        "task": card.task,
        "classes": list(card.classes),
        "target": schema.target,
        "columns": list(schema.columns),
        "input": f"x: {str(deployed.input_type).removeprefix('torch.')}, rows x "
        + " x ".join(map(str, schema.shape)),
        "output": deployed.output_name,
        "weights_sha256": card.weights_sha256,
    }


def _rows(schema: Schema, prepared: Path) -> tuple[NDArray[Any], str]:
    """Return raw rows, at least two: of the test split if the prepared data is the model's."""
    if (prepared / SCHEMA_FILE).is_file() and read_schema(prepared).files == schema.files:
        stored = read_split(prepared, schema, "test").x[:ROWS]
        if len(stored) >= 2:
            return _raw(stored, schema), "test rows"
    count = 64 * int(np.prod(schema.shape))
    if schema.layout == "images":
        noise = seeds.integers(count, 256, 0, "export").astype(np.uint8)
        return noise.reshape(64, *schema.shape), "random images (the model's prepared data is not here)"
    kind = "random rows (the model's prepared data is not here)"
    if schema.dataset == "own" and schema.inputs is None:  # perhaps numbers of words: the lowest exist
        return seeds.integers(count, 2, 0, "export").astype(np.float64).reshape(64, *schema.shape), kind
    draws = (6.0 * seeds.uniform(count, 0, "export") - 3.0).reshape(64, *schema.shape)
    return _raw(draws, schema), kind


def _raw(stored: NDArray[Any], schema: Schema) -> NDArray[Any]:
    """Return stored rows as they were before standardisation."""
    if schema.layout == "images":
        return stored
    wide = stored.astype(np.float64)
    return wide if schema.inputs is None else wide * schema.inputs.std + schema.inputs.mean


def _compare(run: Run, deployed: Deployed, x: NDArray[Any]) -> float:
    """Return the largest difference, relative to the largest output where that is above 1.

    The first row goes alone: an exported model must take any number of rows.
    """
    found = np.concatenate([run(x[:1]), run(x[1:])])
    with torch.inference_mode():
        expected = deployed(torch.from_numpy(x)).numpy()
    return float(np.abs(found - expected).max() / max(1.0, float(np.abs(expected).max())))
