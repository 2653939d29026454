"""``reprise verify``: reproduce the committed locks, or a receipt, in a clean clone, byte for byte."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from reprise.commands.bar import recorded_bar
from reprise.foundation.errors import RepriseError
from reprise.foundation.package import refuse_other_package
from reprise.verification.pipelines import named_pipelines
from reprise.verification.receipt import Receipt, read_receipt
from reprise.verification.receipt_checking import differences_of_machines, refuse_other_history
from reprise.verification.running import output_of, repository
from reprise.verification.verify import Row, clone, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="RECEIPT or PIPELINE",
        help="a receipt (a JSON file), and pipelines (main or a recipe); default: all that are committed",
    )


def run(arguments: argparse.Namespace) -> None:
    """Verify and print the table.

    Raises
    ------
    RepriseError
        With exit code 1 if an output differs or a pipeline failed.
    """
    root = repository(Path.cwd())
    receipts = [word for word in arguments.what if is_receipt(word)]
    names = [word for word in arguments.what if word not in receipts]
    for word in receipts[1:]:
        raise RepriseError(f"verify: {word}: one receipt at a time")
    receipt = read_receipt(Path(receipts[0])) if receipts else None
    if receipt is not None:
        refuse_other_history(root, receipt, receipts[0])
        for line in differences_of_machines(receipt):
            print(f"note: {line}", file=sys.stderr)
    elif output_of(["git", "status", "--porcelain", "--untracked-files=no"], root).strip():
        print("note: uncommitted changes are not part of what is verified (HEAD)", file=sys.stderr)
    conclude(rows_of(root, names, receipt))


def is_receipt(word: str) -> bool:
    """Tell a receipt from the name of a pipeline: it is a file, or is called like one."""
    return word.endswith(".json") or Path(word).is_file()


def rows_of(root: Path, names: list[str], receipt: Receipt | None) -> list[Row]:
    """Run the pipelines in a clean clone; print and return the verdicts."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reprise-verify-") as folder:
        copy = Path(folder) / "clone"
        clone(root, copy, "HEAD" if receipt is None else receipt.result.commit)
        refuse_other_package(copy)
        print(f"{'pipeline':14} {'output':46} verdict")
        for row in verify(root, copy, names, None if receipt is None else receipt.result.pipelines):
            rows.append(row)
            _show(row)
        if receipt is None:  # which says what came out, good or not
            rows += _missed_bars(copy, {row.pipeline for row in rows if row.verdict == "same"})
    return rows


def conclude(rows: list[Row]) -> None:
    """Print the sums and fail if something differs or nothing was compared."""
    counts = {
        verdict: sum(row.verdict == verdict for row in rows) for verdict in ("same", "differs", "failed")
    }
    skipped = sum(row.verdict == "skipped" for row in rows)
    print(f"{counts['same']} same, {counts['differs']} differ, {counts['failed']} failed, {skipped} skipped")
    bad = [row.output for row in rows if row.verdict in ("differs", "failed")]
    if bad:
        raise RepriseError(f"verify: not reproduced: {', '.join(bad)}")
    if counts["same"] == 0:
        raise RepriseError("verify: nothing was compared")


def _missed_bars(copy: Path, judged: set[str]) -> list[Row]:
    """Show and return a failure for each pipeline that ran and missed its bar."""
    missed = []
    for pipeline in named_pipelines(sorted(judged), copy) if judged else []:
        bar = recorded_bar(pipeline)
        if bar is not None and not bar["met"]:
            missed.append(Row(pipeline.name, "evaluate.bar", "failed", bar["told"]))
            _show(missed[-1])
    return missed


def _show(row: Row) -> None:
    print(f"{row.pipeline:14} {row.output:46} {row.verdict:8} {row.detail}", flush=True)
