"""``reprise init-data``: params.yaml for a table or a folder of images of one's own."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

from reprise.foundation.errors import UserError
from reprise.foundation.files import write_bytes
from reprise.foundation.workspace import leads_outside
from reprise.prepared.schema import Schema
from reprise.settings.params import Params
from reprise.tables.files import is_pattern, table_files
from reprise.tables.formats import is_table
from reprise.watching.foresight import Foresight

EXAMPLES = """
reprise init-data data/raw/iris.csv --target species
reprise init-data 'data/raw/log-*.jsonl'
reprise init-data data/raw/photos           (a folder for each class)
"""
PARAMS = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
RAW = Path("data", "raw")
BACKUPS = 1000
LARGE = 100_000  # bytes of a table from which a training might take a minute
Expected = Callable[[Params], Schema]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help="a table (CSV, JSON lines, Parquet, Excel), a pattern in quotes for several, or a folder of "
        "images, in data/raw",
    )
    parser.add_argument(
        "--sheet", metavar="NAME", help="the sheet of an Excel workbook (default: the first that isn't empty)"
    )
    parser.add_argument(
        "--target",
        metavar="COLUMN",
        help="the column to predict, of a table (default: found by its name or place)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Look at the data, write params.yaml and say what was found and what comes next.

    Raises
    ------
    UserError
        If the data is not below data/raw, or is no table and no folder of images.
    """
    path = _placed(Path(arguments.path))
    with Foresight(_is_large(path)) as foresight:
        if path.is_dir():
            lines, text, expected = _folder(path, arguments.target)
        else:
            lines, text, expected = _table(path, arguments.target, arguments.sheet)
        kept, params = _write(text)
        time = foresight.line(params, expected(params))
    print("\n".join([*lines, *([] if time is None else [time])]))
    print(f"{PARAMS}: written{kept}")
    print(f"next: dvc add {_quoted(path)}   # keeps this version of the data")
    print("      dvc repro")


def _quoted(path: Path) -> str:
    """Return a path, or a pattern, as `dvc add` takes it in a shell."""
    return f"{'--glob ' * is_pattern(str(path))}{shlex.quote(path.as_posix())}"


def _placed(given: Path) -> Path:
    """Return the path or pattern relative to the project, where the pipeline watches it."""
    if not PIPELINE.is_file():
        raise UserError(f"{PIPELINE}: not in this folder; run init-data in the project's folder")
    if not given.exists() and not is_pattern(str(given)):
        raise UserError(f"{given}: no such file or folder; give a table or a folder of images")
    path = Path(os.path.relpath(given))  # links, such as DVC makes, are kept as they are
    if path == RAW:
        raise UserError(f"{given}: holds all raw data; give one table or one folder in it")
    if path.is_relative_to(RAW):
        found = [file.path for file in table_files(str(path))] if is_pattern(str(path)) else [path]
        for file in found:
            _refuse_link(file)
        return path
    if is_pattern(str(given)):
        raise UserError(
            f"{given}: is not in {RAW.as_posix()}, which the pipeline watches for changes; copy the "
            "files there"
        )
    target = (RAW / given.resolve().name).as_posix()
    source = shlex.quote(str(given))
    raise UserError(
        f"{given}: is not in {RAW.as_posix()}, which the pipeline watches for changes; put it there: "
        f"cp -r {source} {shlex.quote(target)} && reprise init-data {shlex.quote(target)}"
    )


def _refuse_link(path: Path) -> None:
    """Refuse a file or folder that is elsewhere: a change there would go unnoticed."""
    outside = leads_outside(path)
    if outside is not None:
        here, there = (shlex.quote(str(place)) for place in (path, outside))
        raise UserError(
            f"{path}: is a link to {outside}, outside the project, where no change would be noticed; "
            f"put the data itself there: rm {here} && cp -r {there} {here}"
        )


def _is_large(path: Path) -> bool:
    """Tell whether a training might take a minute."""
    if path.is_dir():
        return True
    files = [file.path for file in table_files(str(path))] if is_pattern(str(path)) else [path]
    return sum(file.stat().st_size for file in files) >= LARGE


def _table(path: Path, target: str | None, sheet: str | None) -> tuple[list[str], str, Expected]:
    from reprise.starter.choice import choice
    from reprise.starter.expected import expected_table
    from reprise.starter.imbalance import note
    from reprise.starter.table import look_at_table
    from reprise.starter.text import date_of, table_params, unanswered

    look = look_at_table(str(path), target, sheet)
    what = "a regression" if look.task == "regression" else f"{len(look.classes)} classes"
    lines = [
        f"{path}: {look.rows:,} rows, {len(look.columns)} columns beside the target",
        f"target: {look.target!r} ({look.why}), {what}"
        + ("" if target is not None else "; if another is meant: --target COLUMN"),
    ]
    if look.id is not None:
        lines.append(f"id: {look.id!r} has another value in each row")
    for names, why in (
        (look.drop, "another value in each row, too"),
        (look.row_numbers, "only counts the rows"),
        (look.presences, "text that almost never repeats: only whether it is empty is learnt"),
    ):
        if names:
            lines.append(f"left out: {', '.join(map(repr, names))} ({why})")
    if look.texts:
        lines.append(f"texts: {', '.join(map(repr, look.texts))}: their words are learnt")
    if look.imbalance is not None:
        lines.append(note(look.imbalance))
    if look.unanswered:
        lines.append(f"note: {unanswered(look)}; they are left out (missing_target: drop)")
    if (date := date_of(look)) is not None:
        lines.append(
            f"note: {date!r} holds dates; if the model is for later rows than these, test it on the latest "
            "(prepare.split.method: time in params.yaml)"
        )
    lines.append(f"model: {choice(look.rows, look.task, [], has_val=True).why}")
    return lines, table_params(path.as_posix(), look, sheet), partial(expected_table, look)


def _folder(path: Path, target: str | None) -> tuple[list[str], str, Expected]:
    from reprise.images.folder import stray_notes
    from reprise.starter.expected import expected_images
    from reprise.starter.folder import look_at_folder
    from reprise.starter.imbalance import note
    from reprise.starter.photographs import are_photographs, why
    from reprise.starter.text import folder_params

    if target is not None:
        raise UserError("--target: is for tables; the class of an image is the name of its folder")
    tables = sorted(file for file in path.iterdir() if is_table(file) and file.is_file())
    if tables and not any(entry.is_dir() for entry in path.iterdir()):
        raise UserError(f"{path}: holds tables; give one of them, for example {tables[0]}, or a pattern")
    look = look_at_folder(path)
    lines = [
        f"{path}: {look.images:,} images of {len(look.classes)} classes, the smallest with {look.smallest}"
    ]
    if look.splits:
        lines.append(f"splits: the folder's own ({', '.join(sorted(look.splits))})")
    if look.imbalance is not None:
        lines.append(note(look.imbalance))
    bad = [*look.unusable, *(f"{name} (empty)" for name in look.empty)]
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        lines.append(f"note: can't be used: {', '.join(bad[:3])}{more}; images.corrupt is set to skip")
    if are_photographs(look):
        lines.append(why(look))
    lines += stray_notes(path, look.stray)
    return lines, folder_params(path.as_posix(), look), partial(expected_images, look)


def _write(text: str) -> tuple[str, Params]:
    """Write params.yaml, checked and with the old one kept; return what is said of that, and params."""
    from reprise.settings.params_file import read_params

    beside = PARAMS.with_name(f"{PARAMS.name}.tmp-{os.getpid()}")
    try:
        write_bytes(beside, text.encode("utf-8"))
        params = read_params(beside)  # what is written is what the stages accept
        if not PARAMS.exists() or PARAMS.read_bytes() == text.encode("utf-8"):
            beside.replace(PARAMS)
            return "", params
        backup = _free_name()
        write_bytes(backup, PARAMS.read_bytes())
        beside.replace(PARAMS)
        return f" (the old one: {backup})", params
    finally:
        beside.unlink(missing_ok=True)


def _free_name() -> Path:
    """Return params.yaml.bak, or .bak1, .bak2, … if there is one already."""
    for number in range(BACKUPS):
        name = PARAMS.with_name(f"{PARAMS.name}.bak{number or ''}")
        if not name.exists():
            return name
    raise UserError(f"{PARAMS}.bak … .bak{BACKUPS - 1}: all taken; remove some")
