"""A params file for data that was looked at, with comments that say why."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from reprise.settings.params import BACKBONE_SIZE
from reprise.starter.choice import BAGGED_BELOW, choice
from reprise.starter.folder import FolderLook, chosen_size, uses_resnet
from reprise.starter.imbalance import Imbalance, training_lines
from reprise.starter.photographs import are_photographs, photographs
from reprise.starter.table import TableLook

FEW_ROWS = 100  # a split of fewer for validation is not worth its rows
FEW_VAL = 5  # with fewer rows than this a validation split decides nothing
VAL = 0.15


class Pace(NamedTuple):
    """How long and in what steps to train."""

    batch_size: int
    epochs: int
    patience: int
    lr: float
    slices: int


def table_params(path: str, look: TableLook, sheet: str | None = None) -> str:
    """Return params.yaml for a table."""
    regression = look.task == "regression"
    what = "a number" if regression else f"one of {len(look.classes)} classes"
    csv = [
        f"path: {_text(path)}",
        *([] if sheet is None else [f"sheet: {_text(sheet)}"]),
        f"target: {_text(look.target)}  # {look.why}: {what}",
        f"task: {look.task}",
        _missing_target(look),
        f"id: {'null' if look.id is None else _text(look.id)}  # names a row in predictions; not learnt from",
        f"drop: {_texts(look.drop)}  # columns to leave out",
        *(["day_first: yes  # 01/02/2024 may be either: check this"] if look.day_first else []),
        "group: null  # a column whose rows must stay in one split: a patient, a house, a device",
        *_types(look),
    ]
    prepare = [
        "dataset: csv",
        "seed: 1",
        "normalise: feature",
        f"scale_target: {'true' if regression else 'false'}",
        *_checks(),
        *_split(look.rows, drawn=True, by=date_of(look), validated=look.rows >= FEW_ROWS),
        "csv:",
        *(f"  {line}" for line in csv),
    ]
    enough = look.rows * 0.8 * VAL >= FEW_VAL
    bagged = look.rows < BAGGED_BELOW
    of_classes = training_lines(look.classes, look.imbalance, enough, of_table=True, bagged=bagged)
    chosen = choice(look.rows, look.task, of_classes, has_val=enough)
    return _file(
        f"A table of {look.rows:,} rows and {len(look.columns)} columns beside the target.",
        prepare, chosen.model, chosen.train, "rmse" if regression else _metric(look.imbalance),
    )  # fmt: skip


def _metric(imbalance: Imbalance | None) -> str:
    return "accuracy" if imbalance is None else "macro_f1"


def _missing_target(look: TableLook) -> str:
    if not look.unanswered:
        return "missing_target: refuse  # drop: leave out the rows without a target"
    return f"missing_target: drop  # {unanswered(look)}; refuse: stop there"


def unanswered(look: TableLook) -> str:
    """Say how many rows have no target."""
    looked = "" if look.answers == look.rows else f" of the {look.answers:,} looked at"
    return f"{look.unanswered:,} row(s){looked} have no {look.target!r}"


def _types(look: TableLook) -> list[str]:
    """Return the columns whose types are not those that prepare would infer."""
    what = (
        "# column: numeric, categorical, boolean, date, text, presence; where schema.json shows a wrong guess"
    )
    declared = [
        *(f"  {_text(name)}: text  # its words and runs of letters are learnt" for name in look.texts),
        *(
            f"  {_text(name)}: presence  # almost never repeats: only whether it is empty is learnt"
            for name in look.presences
        ),
    ]
    return [f"types:  {what}", *declared] if declared else [f"types: {{}}  {what}"]


def folder_params(path: str, look: FolderLook) -> str:
    """Return params.yaml for a folder of images."""
    if are_photographs(look):
        return _photograph_params(path, look)
    size = chosen_size(look)
    pace = Pace(16, 40, 15, 0.002, 1)
    if look.images >= 1000:
        pace = Pace(32, 30, 10, 0.002, 2)
    if look.images >= 10_000:
        pace = Pace(128, 15, 6, 0.004, 4)
    prepare = [
        "dataset: images",
        "seed: 1",
        "normalise: feature  # one mean and deviation per colour",
        *_checks(),
        *_split(look.images, drawn=not {"val", "test"} <= look.splits),
        *_images(path, look, size),
    ]
    enough = "val" in look.splits or look.images * 0.8 * VAL >= FEW_VAL
    of_classes = training_lines(look.classes, look.imbalance, enough)
    train = _train(pace, enough, of_classes, shift=2 if size >= 28 else 1)
    counted = f"{look.images:,} images of {len(look.classes)} classes"
    return _file(f"A folder of {counted}.", prepare, _image_model(look, size), train, _metric(look.imbalance))


def _photograph_params(path: str, look: FolderLook) -> str:
    enough = "val" in look.splits or look.images * 0.8 * VAL >= FEW_VAL
    chosen = photographs(look, training_lines(look.classes, look.imbalance, enough))
    prepare = [
        "dataset: images",
        "seed: 1",
        "normalise: none  # the backbone does what it was trained with",
        *_checks(),
        *_split(look.images, drawn=not {"val", "test"} <= look.splits, val=chosen.val),
        *_images(path, look, BACKBONE_SIZE),
    ]
    counted = f"{look.images:,} photographs of {len(look.classes)} classes"
    metric = _metric(look.imbalance)
    return _file(f"A folder of {counted}.", prepare, chosen.model, chosen.train, metric, batch_size=32)


def _images(path: str, look: FolderLook, size: int) -> list[str]:
    return [
        "images:",
        f"  path: {_text(path)}",
        f"  pixels: {size}  # of a side; the files' shorter sides have about {look.side}",
        f"  mode: {look.mode}",
        f"  corrupt: {_corrupt(look)}  # skip: leave out and name what can't be read; refuse: stop",
    ]


def _image_model(look: FolderLook, size: int) -> list[str]:
    if uses_resnet(look):
        return ["kind: resnet18  # cnn is several times faster"]
    # Halve the image until 8 pixels or fewer are left of a side.
    halvings = max(1, min(3, (size - 1).bit_length() - 3))
    channels = [32, 64, 64, 128][: halvings + 1]
    strides = [1] * (len(channels) - halvings) + [2] * halvings
    return [
        "kind: cnn",
        "cnn:",
        f"  channels: {channels}",
        f"  strides: {strides}",
        "  kernel: 3",
        "  padding: 1",
        "  hidden: [128]",
        "  dropout: 0.2",
        "  batch_norm: true",
    ]


def _corrupt(look: FolderLook) -> str:
    return "skip" if look.unusable or look.empty else "refuse"


def _checks() -> list[str]:
    return ["checks: warn  # refuse: stop if rows are in train and test or contradict, or if a column leaks"]


def date_of(look: TableLook) -> str | None:
    """Return the first column of dates that the rows could be split by."""
    return next((column.name for column in look.columns if column.type.kind == "date"), None)


def _split(
    rows: int, *, drawn: bool, by: str | None = None, validated: bool = True, val: float = VAL
) -> list[str]:
    if not drawn:
        return ["split:  # the folder's own train, val and test are kept", f"  val: {VAL}"]
    val = val if validated and rows * 0.8 * val >= FEW_VAL else 0.0
    by_time = [
        "  # instead: test on the latest rows, validate on those before them, train on the rest",
        "  # method: time",
        f"  # by: {_text(by or '')}",
    ]
    return [
        "split:",
        "  method: stratified",
        *(by_time if by is not None else []),
        "  test: 0.2",
        f"  val: {val}  # of the rows that are not test",
    ]


def _train(pace: Pace, has_val: bool, of_classes: list[str], shift: int | None = None) -> list[str]:
    stopping = [f"patience: {pace.patience}  # epochs without a better validation loss", "keep: best"]
    lines = [
        "seed: 1",
        f"epochs: {pace.epochs}",
        f"batch_size: {pace.batch_size}",
        f"slices: {pace.slices}  # fixed parts of a batch that threads share",
        "numerics: portable",
        "optimizer: adamw",
        f"lr: {pace.lr}  # the highest rate; the first thing to vary",
        "weight_decay: 0.01",
        "schedule: one_cycle",
        "warmup: 0.3",
        *of_classes,
        *(stopping if has_val else ["patience: null  # too few rows for a validation split", "keep: last"]),
    ]
    if shift is not None:
        mirror = "  flip: false  # true, if the mirror image is of the same class: not for letters and digits"
        lines += [
            "augment:  # also crop, rotate, brightness, contrast, saturation, cutout, mixup",
            f"  shift: {shift}  # pixels",
            mirror,
        ]
    return lines


def _file(
    subject: str,
    prepare: list[str],
    model: list[str],
    train: list[str],
    metric: str,
    batch_size: int | None = None,
) -> str:
    bound = "at_most" if metric == "rmse" else "at_least"
    evaluate = [
        *(
            []
            if batch_size is None
            else [f"batch_size: {batch_size}  # pictures that a thread takes at a time"]
        ),
        "confidence: 0.95",
        f"bar: null  # a condition to pass, for example {{metric: {metric}, {bound}: 0.9}}",
    ]
    sections = {"prepare": prepare, "model": model, "train": train, "evaluate": evaluate}
    head = [
        "# yaml-language-server: $schema=params.schema.json",
        f"# {subject} Written by `reprise init-data`; every key is explained in README.md.",
    ]
    body = ["\n".join([f"{name}:", *(f"  {line}" for line in lines)]) for name, lines in sections.items()]
    return "\n".join([*head, "\n\n".join(body)]) + "\n"


def _text(text: str) -> str:
    """Return a text as YAML: a JSON string is one."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _texts(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(_text, texts)) + "]"
