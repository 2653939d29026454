"""The model card, models/card.md: what a model is for, what it was made of, how good it is, where it ends.

The sections are those of Mitchell et al. (2019), "Model Cards for Model Reporting". Blocks between two
markers are written anew each time; everything else is the author's and stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reprise.evaluation.files import DETAILS
from reprise.foundation.errors import UserError
from reprise.foundation.files import read_json, sha256_file
from reprise.model.card import CARD, WEIGHTS, ModelCard, read_card
from reprise.prepared.schema import SPLITS
from reprise.prepared.shards import CHECKS_FILE

NAME = "card.md"
BEGIN, END = "<!-- reprise: {} -->", "<!-- end of {} -->"
BLOCK = re.compile(r"<!-- reprise: (?P<name>[a-z]+) -->\n.*?<!-- end of (?P=name) -->", re.DOTALL)
MARKER = re.compile(r"<!-- (?:reprise:|end of) .*? -->")
SHOWN_CLASSES = 20


@dataclass(frozen=True)
class Result:
    """A model and what its evaluation found.

    Attributes
    ----------
    folder : Path
        Of the model files.
    card : ModelCard
    details : dict
        The content of details.json.
    checks : dict
        The content of checks.json; empty where it is not there.
    """

    folder: Path
    card: ModelCard
    details: dict[str, Any]
    checks: dict[str, Any]


def read_result(model: Path, metrics: Path, prepared: Path) -> Result:
    """Read a model's files; without prepared data there are no checks.

    Raises
    ------
    UserError
        If model or details are missing or broken.
    """
    checks = prepared / CHECKS_FILE
    return Result(
        model,
        read_card(model),
        read_json(metrics / DETAILS),
        read_json(checks) if checks.is_file() else {},
    )


def write_card(old: str | None, result: Result) -> str:
    """Return the card's text: a new one, or the old one with its blocks written anew.

    A block that the author has taken out stays out.

    Raises
    ------
    UserError
        If the old text has a marker without its other half.
    """
    if old is None:
        return _new(result)
    rest = BLOCK.sub("", old)
    stray = MARKER.search(rest)
    if stray:
        line = old[: old.index(stray.group())].count("\n") + 1
        raise UserError(
            f"{result.folder / NAME}:{line}: {stray.group()!r} has lost its other half; "
            "restore it, or delete this one too"
        )
    return BLOCK.sub(lambda match: _block(match["name"], result), old)


def _block(name: str, result: Result) -> str:
    if name not in BLOCKS:
        raise UserError(f"{result.folder / NAME}: no block is called {name!r}; there are {', '.join(BLOCKS)}")
    body = "\n".join(BLOCKS[name](result))
    return f"{BEGIN.format(name)}\n{body}\n{END.format(name)}"


def _new(result: Result) -> str:
    card = result.card
    kind = "classifies" if card.task == "classification" else "predicts"
    return f"""# Model card: {card.data.dataset}

This model {kind} `{card.data.target}`.

## Intended use

*To be written by the model's author: who should use this model, for which decisions, and what it must
not be used for.*

## Model

{_block("model", result)}

## Data

{_block("data", result)}

## Metrics

{_block("metrics", result)}

## Limits

{_block("limits", result)}

*To be written by the model's author: what the data leaves out, whom errors would hurt, who was consulted.*

## Files

{_block("files", result)}
"""


def _model(result: Result) -> Iterator[str]:
    card = result.card
    settings = card.to_json()["model"].get(card.model.kind) or {}
    told = ", ".join(f"{name} {value}" for name, value in settings.items())
    yield f"- Architecture: `{card.model.kind}`{f' ({told})' if told else ''}"
    trained = f"{card.epochs_trained} epochs, those of epoch {card.kept_epoch} kept"
    yield f"- Training: {card.train.optimizer}, {trained}; seed {card.train.seed}"
    yield f"- Arithmetic: {card.arithmetic}"
    if card.threshold is not None:
        yield f"- `{card.classes[1]}` is predicted from probability {card.threshold:.9g} on"


def _data(result: Result) -> Iterator[str]:
    data = result.card.data
    yield f"- Source: {data.source}"
    yield f"- Licence: {data.licence}"
    yield f"- Rows: {', '.join(f'{data.counts[split]:,} {split}' for split in SPLITS)}"
    if data.classes:
        more = len(data.classes) - SHOWN_CLASSES
        names = ", ".join(map(_code, data.classes[:SHOWN_CLASSES]))
        yield f"- Classes: {names}{f' and {more} more' if more > 0 else ''}"
    for finding in result.checks.get("findings", []):
        yield f"- {finding['level'].capitalize()}: {finding['message']}"


def _code(name: str) -> str:
    """Return a name that Markdown leaves as it is, on one line."""
    return "`" + " ".join(name.replace("`", "'").split()) + "`"


def _metrics(result: Result) -> Iterator[str]:
    details = result.details
    confidence = 100 * details["confidence"]
    yield f"On {details['rows']:,} test rows ({details['test_rows_are']}), with {confidence:.4g} % intervals:"
    others = details["baselines"]
    yield ""
    names = "".join(f" {other['name']} |" for other in others)
    yield f"| metric | this model | interval |{names}"
    yield f"|---|---|---|{'---|' * len(others)}"
    for name, value in details["test"].items():
        interval = details["intervals"].get(name)
        ends = f"{interval['low']:.4f} to {interval['high']:.4f}" if interval else ""
        theirs = "".join(f" {_figure(other['metrics'].get(name))} |" for other in others)
        yield f"| {name} | {value:.4f} | {ends} |{theirs}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _limits(result: Result) -> Iterator[str]:
    notes = [f"- {note[0].upper()}{note[1:]}." for note in result.details["notes"]]
    yield from notes or ["- The evaluation noted nothing that would make the figures doubtful."]
    yield "- The figures hold for rows like those of the data above, and for no others."


def _files(result: Result) -> Iterator[str]:
    yield "| file | SHA-256 |"
    yield "|---|---|"
    data = result.card.data
    for name in (CARD, WEIGHTS):
        yield f"| `{name}` | `{sha256_file(result.folder / name)}` |"
    for name, digest in sorted({**data.raw, **data.files}.items()):
        yield f"| `{name}` | `{digest}` |"


BLOCKS: dict[str, Callable[[Result], Iterator[str]]] = {
    "model": _model,
    "data": _data,
    "metrics": _metrics,
    "limits": _limits,
    "files": _files,
}
