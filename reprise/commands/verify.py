"""``reprise verify``: reproduce the committed locks in a clean clone, byte for byte."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reprise.commands.bar import recorded_bar
from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import RepriseError, UserError

if TYPE_CHECKING:
    from reprise.verification.verify import Row

EXAMPLES = """
reprise verify
reprise verify main iris
reprise verify --dry        (seconds, without data: are the locks consistent?)
"""
VERDICTS = ("same", "differs", "failed", "skipped")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "pipelines", nargs="*", metavar="PIPELINE", help="main or the name of a recipe (default: all)"
    )
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
    root = Path.cwd()
    if _is_dirty(root):
        print("note: uncommitted changes are not part of what is verified (HEAD)", file=sys.stderr)
    if not (arguments.json or arguments.quiet):
        print(f"{'pipeline':14} {'output':46} verdict", flush=True)
    rows = []
    for row in _rows(root, arguments):
        rows.append(row)
        if not arguments.json and not (arguments.quiet and row.verdict == "same"):
            print(f"{row.pipeline:14} {row.output:46} {row.verdict:8} {row.detail}", flush=True)
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


def _rows(root: Path, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield each output's verdict, and a failure for each pipeline that ran and missed its bar."""
    from reprise.verification.verify import clone, verify

    with tempfile.TemporaryDirectory(prefix="reprise-verify-") as folder:
        copy = Path(folder) / "clone"
        clone(root, copy)
        judged = set()
        for row in verify(root, copy, arguments.pipelines):
            judged |= {row.pipeline} if row.verdict == "same" else set()
            yield row
        yield from _missed_bars(copy, judged)


def _missed_bars(copy: Path, judged: set[str]) -> Iterator[Row]:
    from reprise.verification.pipelines import named_pipelines
    from reprise.verification.verify import Row

    for pipeline in named_pipelines(sorted(judged), copy) if judged else []:
        bar = recorded_bar(pipeline)
        if bar is not None and not bar["met"]:
            yield Row(pipeline.name, "evaluate.bar", "failed", bar["told"])


def _dry(arguments: argparse.Namespace) -> None:
    """Say of each lock whether it is consistent with what stands in the workspace."""
    from reprise.verification.consistency import locks, problems

    if arguments.pipelines:
        raise UserError("verify: --dry looks at whole lock files; leave the names of pipelines out")
    found: dict[str, Any] = {lock.as_posix(): problems(lock) for lock in locks(Path())}
    if arguments.json:
        print_json(found)
    elif not arguments.quiet:
        for lock, told in found.items():
            print(f"{lock}: {'would change' if told else 'consistent with code, parameters and results'}")
    told = [line for lines in found.values() for line in lines]
    if told:
        raise RepriseError(*told, "verify: run what changed (make repro, make recipes) and commit the locks")


def _is_dirty(root: Path) -> bool:
    done = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=no"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return bool(done.stdout.strip())
