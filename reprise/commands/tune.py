"""``reprise tune``: a search for better parameters."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import UserError
from reprise.foundation.workers import cores

EXAMPLES = """
reprise tune
reprise tune --trials 100 --jobs 2 --timeout 3600
reprise tune --storage postgresql://me@host/studies    (several machines, one study)
reprise tune --apply                                   (the best parameters into params.yaml)
"""
TRIALS = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--params", type=Path, default=Path("params.yaml"), metavar="FILE",
        help="what is searched around (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--space", type=Path, default=Path("tune.yaml"), metavar="FILE",
        help="what is searched (default: %(default)s; docs/tuning.md)",
    )  # fmt: skip
    parser.add_argument(
        "--trials",
        default=str(TRIALS),
        metavar="N",
        help="of the study, earlier ones included (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs",
        metavar="J",
        help="trials at a time, which share the cores (default: one a core; 1 with cuda)",
    )
    parser.add_argument("--timeout", metavar="SECONDS", help="end then; the same command goes on")
    parser.add_argument(
        "--storage", metavar="URL", help="a database that several machines share (default: a file in .state)"
    )
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), default="cpu", help="(default: %(default)s, where the cores are)"
    )
    parser.add_argument("--apply", action="store_true", help="write the best parameters into the params file")
    add_json(parser)
    add_quiet(parser, "print the table alone, not each trial as it ends")
    parser.add_argument(
        "--html", type=Path, default=Path("tune.html"), metavar="FILE",
        help="the page with history and importance (default: %(default)s, which git ignores)",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Carry out the trials that are left, and print and write what was found."""
    most = whole_number(arguments.trials, "--trials")
    jobs = 1 if arguments.device == "cuda" else cores()
    if arguments.jobs is not None:
        jobs = whole_number(arguments.jobs, "--jobs")
    timeout = None if arguments.timeout is None else whole_number(arguments.timeout, "--timeout")
    import optuna  # and what reads params and data

    from reprise.foundation.files import write_text
    from reprise.spread.side_by_side import alone
    from reprise.tuning.search import read_search
    from reprise.tuning.study import Study
    from reprise.tuning.trials import Trials

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module="optuna")
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    search = read_search(arguments.params, arguments.space, arguments.device)
    with alone(search.folder, "tune", "this study"):
        study = Study(search.name, search.tuning, search.objective, arguments.storage, search.folder)
        done = len(study.done())

        def tell(line: str) -> None:
            if not arguments.quiet:
                print(line, file=sys.stderr)

        tell(f"study {search.name[:6]}: {done} of {most} trials are done")
        if done < most:
            search.prepare()
            Trials(search, study, most, tell).run(min(jobs, most), timeout)
        from reprise.tuning.page import render  # loads matplotlib, which no trial waits for
        from reprise.tuning.results import Results

        results = Results(search, study.done(), study.importance())
    if arguments.json:
        print_json(results.json())
    else:
        print(results.text())
    if results.best is None:
        raise UserError("tune: no trial was trained to its end; give it more --trials or a longer --timeout")
    write_text(arguments.html, render(results))
    tell(f"history and importance: {arguments.html}")
    if arguments.apply:
        write_text(search.file, search.text_of(results.best.drawn))
        tell(f"{search.file}: has the parameters of trial {results.best.number} now; dvc repro runs it")


def whole_number(text: str, where: str) -> int:
    """Return a number from the command line."""
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise UserError(f"{where}: must be a whole number ≥ 1; found {text!r}")
    return int(text)
