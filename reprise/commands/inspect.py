"""``reprise inspect``: what a model file holds, in plain lines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.commands.output import add_json, print_json
from reprise.foundation.errors import RepriseError, UserError

if TYPE_CHECKING:
    from reprise.model.card import ModelCard

EXAMPLES = """
reprise inspect
reprise inspect models --json | jq .files
reprise inspect fetched --lock dvc.lock
"""
SHOWN = 30  # columns or classes that are listed by name
Line = tuple[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "model", nargs="?", type=Path, default=Path("models"), metavar="DIR",
        help="the folder with model.json and model.safetensors (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", type=Path, default=Path("metrics/metrics.json"), metavar="FILE",
        help="a metrics.json, shown when it is there (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--lock", type=Path, metavar="FILE", help="fail unless this dvc.lock names these very files"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> None:
    """Print the model card, the hashes and the metrics.

    Raises
    ------
    RepriseError
        With exit code 1 if the files are not those that the lock names.
    """
    from reprise.model.card import CARD, read_card

    card = read_card(arguments.model)
    locked = list(_locked(arguments.model, arguments.lock)) if arguments.lock else []
    if arguments.json:
        print_json(_as_json(card, arguments.model, arguments.metrics))
        return
    print(f"{arguments.model / CARD}")
    for name, value in [
        *_subject(card),
        *_architecture(card, arguments.model),
        *_training(card),
        *_data(card),
        *_metrics(arguments.metrics),
        *locked,
    ]:
        print(f"  {name:<18} {value}")


def _as_json(card: ModelCard, folder: Path, metrics: Path) -> dict[str, Any]:
    """Return what the text says: the card as it is stored, what the weights hold, the metrics or null."""
    from reprise.foundation.files import read_json, sha256_file
    from reprise.model.card import CARD, WEIGHTS

    return {
        "card": read_json(folder / CARD),
        "files": {name: sha256_file(folder / name) for name in (CARD, WEIGHTS)},
        "intact": sha256_file(folder / WEIGHTS) == card.weights_sha256,
        "metrics": read_json(metrics) if metrics.is_file() else None,
        "tensors": _tensors(folder / WEIGHTS),
    }


def _subject(card: ModelCard) -> Iterator[Line]:
    schema = card.data
    yield "task", f"{card.task} of {schema.target!r}"
    if card.classes:
        yield "classes", f"{len(card.classes)}: {_listed(card.classes)}"
    if card.threshold is not None:
        yield "threshold", f"class {card.classes[1]!r} is predicted from probability {card.threshold:.9g} on"
    size = "x".join(map(str, schema.shape))
    if schema.layout == "images":
        yield "input", f"images, {size} (channels, height, width)"
    else:
        yield "input", f"table, {size} features: {_listed(schema.columns)}"
    if schema.encoder is not None:
        columns = [f"{column['name']} ({column['kind']})" for column in schema.encoder.get("columns", [])]
        yield "columns", f"{len(columns)}: {_listed(columns)}"
    yield "normalisation", _normalisation(card)
    if schema.target_scale is not None:
        yield "target scale", f"mean {schema.target_scale.mean[0]:.6g}, std {schema.target_scale.std[0]:.6g}"


def _normalisation(card: ModelCard) -> str:
    inputs = card.data.inputs
    if inputs is None:
        return "none"
    if len(inputs.mean) > 4:
        return f"a mean and a deviation for each of {len(inputs.mean)} features"
    pairs = zip(inputs.mean, inputs.std, strict=True)
    return ", ".join(f"mean {mean:.6g}, std {std:.6g}" for mean, std in pairs)


def _architecture(card: ModelCard, folder: Path) -> Iterator[Line]:
    from reprise.foundation.files import sha256_file
    from reprise.model.card import CARD, WEIGHTS

    kind = card.model.kind
    settings: dict[str, Any] = card.model.model_dump(mode="json").get(kind) or {}
    yield "model", f"{kind} {_settings(settings)}".rstrip()
    path = folder / WEIGHTS
    if not path.exists():
        raise UserError(f"{path}: no such file; run the train stage again")
    found = sha256_file(path)  # before safetensors looks, which calls each error of the system "no such file"
    sizes = _tensors(path)
    carried = {**(card.own or {}), **(card.data.own.files if card.data.own else {})}
    for name, file in sorted(carried.items()):
        yield "code", f"own/{name}, SHA-256 {file.sha256}"
    yield "tensors", f"{len(sizes)}, {sum(map(_product, sizes.values())):,} numbers"
    verdict = "" if found == card.weights_sha256 else f" (model.json says {card.weights_sha256}: damaged?)"
    yield f"SHA-256 of {WEIGHTS}", found + verdict
    yield f"SHA-256 of {CARD}", sha256_file(folder / CARD)


def _tensors(path: Path) -> dict[str, list[int]]:
    """Return the shape of each tensor of the weights."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as weights:
            return {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118 (not a dict: it has keys and no iterator)
    except (FileNotFoundError, SafetensorError) as error:
        reason = "no such file" if not path.exists() else " ".join(str(error).split())
        raise UserError(f"{path}: {reason}; run the train stage again") from None


def _product(shape: Iterable[int]) -> int:
    size = 1
    for length in shape:
        size *= length
    return size


def _training(card: ModelCard) -> Iterator[Line]:
    yield "trained", f"{card.epochs_trained} epochs, kept epoch {card.kept_epoch}, {card.arithmetic}"
    yield "training", _settings(card.train.model_dump(mode="json"))


def _data(card: ModelCard) -> Iterator[Line]:
    schema = card.data
    yield "data", f"{schema.dataset}: {schema.source}"
    yield "licence", schema.licence
    yield "rows", ", ".join(f"{count:,} {split}" for split, count in schema.counts.items())
    for name, digest in {**schema.raw, **schema.files}.items():
        yield f"SHA-256 of {name}", digest


def _metrics(path: Path) -> Iterator[Line]:
    from reprise.foundation.files import read_json

    if not path.is_file():
        yield "metrics", f"no {path} yet; run the evaluate stage (dvc repro)"
        return
    report = read_json(path)
    test = report.get("test", {}) if isinstance(report, dict) else {}
    figures = ", ".join(f"{name} {value:.4f}" for name, value in test.items() if isinstance(value, float))
    yield "metrics", f"{figures} ({path})"


def _locked(folder: Path, lock: Path) -> Iterator[Line]:
    from reprise.model.card import CARD, WEIGHTS
    from reprise.report.lock import read_lock, same_as_here
    from reprise.verification.pipelines import main_pipeline

    outputs = read_lock(main_pipeline(), lock).outputs
    named = {Path(entry.path).name: entry for entry in outputs if entry.stage == "train"}
    if not named.keys() >= {CARD, WEIGHTS}:
        raise UserError(
            f"{lock}: must be the dvc.lock of the model's version; it names no {CARD} and {WEIGHTS}"
        )
    files = [named[name]._replace(path=str(folder / name)) for name in (CARD, WEIGHTS)]
    other = [
        f"{file.path}: not the file that {lock} names; fetch it again"
        for file in files
        if not same_as_here(file)
    ]
    if other:
        raise RepriseError(*other)
    yield "lock", f"{lock} names these very files"


def _settings(settings: dict[str, Any]) -> str:
    texts = []
    for name, value in settings.items():
        if isinstance(value, dict):
            texts += [f"{name}.{key} {_shown(inner)}" for key, inner in value.items()]
        else:
            texts.append(f"{name} {_shown(value)}")
    return ", ".join(texts)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)  # as in params.yaml: null, true


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
