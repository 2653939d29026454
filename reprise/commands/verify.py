"""``reprise verify``: reproduce the committed locks in a clean clone, byte for byte."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from reprise.commands.bar import recorded_bar
from reprise.foundation.errors import RepriseError
from reprise.verification.pipelines import named_pipelines
from reprise.verification.verify import Row, clone, verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="main or a recipe; default: all")


def run(arguments: argparse.Namespace) -> None:
    """Verify and print the table.

    Raises
    ------
    RepriseError
        With exit code 1 if an output differs or a pipeline failed.
    """
    root = Path.cwd()
    if _is_dirty(root):
        print("note: uncommitted changes are not part of what is verified (HEAD)", file=sys.stderr)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="reprise-verify-") as folder:
        copy = Path(folder) / "clone"
        clone(root, copy)
        print(f"{'pipeline':14} {'output':46} verdict")
        for row in verify(root, copy, arguments.pipelines):
            rows.append(row)
            _show(row)
        rows += _missed_bars(copy, {row.pipeline for row in rows if row.verdict == "same"})
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


def _is_dirty(root: Path) -> bool:
    done = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())
