"""What ``reprise seeds`` and ``reprise folds`` have in common: their options, and from runs to a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.foundation.errors import UserError
from reprise.foundation.workers import cores

if TYPE_CHECKING:
    from reprise.settings.params import Params
    from reprise.spread.runs import Run

Plan = Callable[["Params", int, str], list["Run"]]
LEAST = 2


def add_spread(parser: argparse.ArgumentParser, count: str, told: str) -> None:
    """Add the number of runs and the options."""
    parser.add_argument("count", metavar=count, help=told)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), metavar="FILE")
    parser.add_argument(
        "--jobs", metavar="J", help="processes at a time, one thread each (default: one a core; 1 with cuda)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s, where the cores are)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table as Markdown too")


def run_spread(arguments: argparse.Namespace, what: str, plan: Plan) -> None:
    """Train the runs of a plan that are not trained yet, and print and write the report.

    Raises
    ------
    UserError
        If a number or the params are wrong, or a run fails by what is the user's.
    """
    count = _number(arguments.count, what.upper() + "S", LEAST)
    jobs = 1 if arguments.device == "cuda" else cores()
    if arguments.jobs is not None:
        jobs = _number(arguments.jobs, "--jobs", 1)
    from reprise.foundation.files import write_json, write_text
    from reprise.foundation.room import require_disk
    from reprise.settings.params_file import read_params
    from reprise.spread.report import Report
    from reprise.spread.side_by_side import run_all
    from reprise.spread.table import summaries

    params = read_params(arguments.params)
    for output in filter(None, (arguments.json, arguments.markdown)):
        require_disk(output.parent)
    runs = plan(params, count, arguments.device)
    done = sum(run.finished for run in runs)
    if done:
        print(f"{done} of {count} {what}s were trained before", file=sys.stderr)

    def tell(run: Run) -> None:
        nonlocal done
        done += 1
        name, summary = next(iter(summaries([run.metrics()]).items()))
        print(f"{what} {run.name}: {name} {summary.mean:.4f} ({done} of {count})", file=sys.stderr)

    run_all(runs, min(jobs, count), arguments.device, what, tell)
    report = Report(what, f"{params.prepare.dataset}: {count} {what}s of {arguments.params}", runs)
    print(report.text())
    if arguments.json is not None:
        write_json(arguments.json, report.json())
    if arguments.markdown is not None:
        write_text(arguments.markdown, report.markdown())


def _number(text: str, where: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise UserError(f"{where}: must be a whole number ≥ {least}; found {text!r}")
    return int(text)
