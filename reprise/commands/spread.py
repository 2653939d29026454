"""What ``reprise seeds`` and ``reprise folds`` have in common: their options, and from runs to a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.commands.output import add_json, add_markdown, add_quiet, print_json
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
    parser.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE",
        help="the pipeline to train (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", metavar="J", help="processes at a time, one thread each (default: one a core; 1 with cuda)"
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda"),
        default="cpu",
        help="where to train (default: %(default)s, a run on each core)",
    )
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    add_markdown(form)
    add_quiet(parser, "print the table alone, not each run as it ends")


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
    from reprise.settings.params_file import read_params
    from reprise.spread.report import Report
    from reprise.spread.side_by_side import run_all
    from reprise.spread.table import summaries

    params = read_params(arguments.params)
    runs = plan(params, count, arguments.device)
    done = sum(run.finished for run in runs)
    if done and not arguments.quiet:
        print(f"{done} of {count} {what}s were trained before", file=sys.stderr)

    def tell(run: Run) -> None:
        nonlocal done
        done += 1
        name, summary = next(iter(summaries([run.metrics()]).items()))
        if arguments.quiet:
            return
        print(f"{what} {run.name}: {name} {summary.mean:.4f} ({done} of {count})", file=sys.stderr)

    run_all(runs, min(jobs, count), arguments.device, what, tell)
    report = Report(what, f"{params.prepare.dataset}: {count} {what}s of {arguments.params}", runs)
    if arguments.json:
        print_json(report.json())
    else:
        print(report.markdown() if arguments.markdown else report.text())


def _number(text: str, where: str, least: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= least):
        raise UserError(f"{where}: must be a whole number ≥ {least}; found {text!r}")
    return int(text)
