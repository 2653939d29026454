"""What was trained on what, in a few lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reprise.model.card import PROMISE
from reprise.prepared.schema import SPLITS
from reprise.report.results import Results
from reprise.report.wording import number, settings

SHOWN = 12
SPLIT_NAMES = {"train": "train", "val": "validation", "test": "test"}
Fact = tuple[str, str]


def title(results: Results) -> str:
    """Return what the page is about."""
    data = results.card.data
    return f"Predicting {data.target} · {_dataset(results)}"


def _dataset(results: Results) -> str:
    """Return what a person calls the dataset: one's own table by its file, pictures by their folder."""
    data, prepare = results.card.data, results.params.prepare
    if data.dataset == "csv" and len(data.raw) == 1:
        return next(iter(data.raw))
    if data.dataset == prepare.dataset == "images":
        return Path(prepare.images.path).name
    return data.dataset


def facts(results: Results) -> Iterator[Fact]:
    """Yield names and texts."""
    yield from _data(results)
    yield from _model(results)


def _data(results: Results) -> Iterator[Fact]:
    data = results.card.data
    yield "Data", data.source
    yield "Licence", data.licence
    yield "Rows", ", ".join(f"{data.counts[split]:,} {SPLIT_NAMES[split]}" for split in SPLITS)
    if data.classes:
        yield "Predicts", f"{data.target}, one of {len(data.classes)} classes: {_listed(data.classes)}"
    else:
        yield "Predicts", f"{data.target}, a number"
    size = " \N{MULTIPLICATION SIGN} ".join(map(str, data.shape))
    if data.layout == "images":
        yield "Input", f"pictures, {size} (channels, height, width)"
    elif data.encoder is not None:
        columns = [column["name"] for column in data.encoder.get("columns", [])]
        yield "Input", f"{_counted(len(columns))} as {size} features: {_listed(columns)}"
    else:
        yield "Input", f"a table of {_counted(len(data.columns))}: {_listed(data.columns)}"


def _model(results: Results) -> Iterator[Fact]:
    card = results.card
    own = card.to_json()["model"].get(card.model.kind)
    told = ", ".join(f"{name} {value}" for name, value in settings(own)) if isinstance(own, dict) else ""
    yield "Model", f"{card.model.kind}{f': {told}' if told else ''}"
    yield "Training", _training(results)
    yield "Arithmetic", f"{card.arithmetic}: {PROMISE[card.arithmetic]}"
    if card.threshold is not None:
        yield "Threshold", f"{card.classes[1]} is predicted from probability {card.threshold:.9g} on"
    width = results.details.get("interval_half_width")
    if width is not None:
        share = f"{100 * results.details['confidence']:.4g}"
        yield (
            "Prediction interval",
            f"{share} % of new rows should lie within {number(width)} of their prediction",
        )


def _training(results: Results) -> str:
    train = results.card.train
    blend = "" if train.blend == "none" else ", with a linear model that answers along"
    if train.optimizer == "exact":
        return f"solved, not approached (seed {train.seed}){blend}"
    bag = f", {train.folds} networks on as many folds" if train.folds > 1 else ""
    rate = f"{train.schedule.replace('_', ' ')} learning rate {train.lr:g}"
    epochs = f"{results.card.epochs_trained} epochs (weights of epoch {results.card.kept_epoch})"
    paced = f"{train.optimizer}, {rate}, batches of {train.batch_size}, {epochs}"
    return f"{paced}{bag}{blend}; seed {train.seed}"


def _counted(columns: int) -> str:
    return f"{columns:,} column{'' if columns == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
