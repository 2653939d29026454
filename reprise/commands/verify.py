"""``reprise verify``: reproduce the committed locks, or a receipt, in a clean clone, byte for byte."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.commands.bar import recorded_bar
from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import RepriseError, UserError

if TYPE_CHECKING:
    from reprise.verification.receipt import Receipt
    from reprise.verification.verify import Row

EXAMPLES = """
reprise verify
reprise verify main iris
reprise verify receipt.json
reprise verify --dry        (seconds, without data: are the locks consistent?)
"""
VERDICTS = ("same", "differs", "failed", "skipped")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "what", nargs="*", metavar="RECEIPT or PIPELINE",
        help="a receipt (a JSON file), and pipelines: main or names of recipes (default: all that are "
        "committed)",
    )  # fmt: skip
    parser.add_argument(
        "--dry", action="store_true",
        help="run nothing: only say, in seconds and without data, whether the locks are those of this code, "
        "these parameters and these results",
    )  # fmt: skip
    add_json(parser)
    add_quiet(parser, "print only outputs that are not the same")


def run(arguments: argparse.Namespace) -> None:
    """Verify and print the table.

    Raises
    ------
    RepriseError
        With exit code 1 if an output differs, a pipeline failed or its bar is missed.
    """
    if arguments.dry:
        _dry(arguments)
        return
    from reprise.verification.running import repository

    root = repository(Path.cwd())
    receipts = [word for word in arguments.what if is_receipt(word)]
    names = [word for word in arguments.what if word not in receipts]
    for word in receipts[1:]:
        raise RepriseError(f"verify: {word}: one receipt at a time")
    receipt = _receipt(root, receipts[0]) if receipts else None
    if receipt is None:
        _note_changes(root)
    conclude(list(_shown(rows_of(root, names, receipt), arguments)), arguments)


def is_receipt(word: str) -> bool:
    """Tell a receipt from the name of a pipeline: it is a file, or is called like one."""
    return word.endswith(".json") or Path(word).is_file()


def _receipt(root: Path, word: str) -> Receipt:
    from reprise.verification.receipt import read_receipt
    from reprise.verification.receipt_checking import differences_of_machines, refuse_other_history

    receipt = read_receipt(Path(word))
    refuse_other_history(root, receipt, word)
    for line in differences_of_machines(receipt):
        print(f"note: {line}", file=sys.stderr)
    return receipt


def _note_changes(root: Path) -> None:
    from reprise.verification.running import output_of

    if output_of(["git", "status", "--porcelain", "--untracked-files=no"], root).strip():
        print("note: uncommitted changes are not part of what is verified (HEAD)", file=sys.stderr)


def rows_of(root: Path, names: list[str], receipt: Receipt | None) -> Iterator[Row]:
    """Run pipelines in a clean clone; yield each output's verdict, and a failure for a bar that is missed."""
    from reprise.foundation.package import refuse_other_package
    from reprise.verification.verify import clone, verify

    with tempfile.TemporaryDirectory(prefix="reprise-verify-") as folder:
        copy = Path(folder) / "clone"
        clone(root, copy, "HEAD" if receipt is None else receipt.result.commit)
        refuse_other_package(copy)
        judged = set()
        for row in verify(root, copy, names, None if receipt is None else receipt.result.pipelines):
            judged |= {row.pipeline} if row.verdict == "same" else set()
            yield row
        if receipt is None:  # which says what came out, good or not
            yield from _missed_bars(copy, judged)


def _missed_bars(copy: Path, judged: set[str]) -> Iterator[Row]:
    from reprise.verification.pipelines import named_pipelines
    from reprise.verification.verify import Row

    for pipeline in named_pipelines(sorted(judged), copy) if judged else []:
        bar = recorded_bar(pipeline)
        if bar is not None and not bar["met"]:
            yield Row(pipeline.name, "evaluate.bar", "failed", bar["told"])


def _shown(rows: Iterator[Row], arguments: argparse.Namespace) -> Iterator[Row]:
    """Pass rows on; print each as it comes, unless another form is asked for."""
    if not (arguments.json or arguments.quiet):
        print(f"{'pipeline':14} {'output':46} verdict", flush=True)
    for row in rows:
        if not arguments.json and not (arguments.quiet and row.verdict == "same"):
            print(f"{row.pipeline:14} {row.output:46} {row.verdict:8} {row.detail}", flush=True)
        yield row


def conclude(rows: list[Row], arguments: argparse.Namespace) -> None:
    """Print the sums and fail if something differs or nothing was compared."""
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}
    if arguments.json:
        print_json({**counts, "outputs": [row._asdict() for row in rows]})
    elif not arguments.quiet:
        same, differ, failed, skipped = counts.values()
        print(f"{same} same, {differ} differ, {failed} failed, {skipped} skipped")
    bad = [row.output for row in rows if row.verdict in ("differs", "failed")]
    if bad:
        raise RepriseError(f"verify: not reproduced: {', '.join(bad)}")
    if counts["same"] == 0:
        raise RepriseError("verify: nothing was compared")


def _dry(arguments: argparse.Namespace) -> None:
    """Say of each lock whether it is consistent with what stands in the workspace."""
    from reprise.verification.consistency import locks, problems

    if arguments.what:
        raise UserError(
            "verify: --dry looks at whole lock files; leave receipts and the names of pipelines out"
        )
    found: dict[str, Any] = {lock.as_posix(): problems(lock) for lock in locks(Path())}
    if arguments.json:
        print_json(found)
    elif not arguments.quiet:
        for lock, told in found.items():
            print(f"{lock}: {'would change' if told else 'consistent with code, parameters and results'}")
    told = [line for lines in found.values() for line in lines]
    if told:
        raise RepriseError(*told, "verify: run what changed (make repro, make recipes) and commit the locks")
