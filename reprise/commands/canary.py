"""``reprise canary``: check or record one training step of the pipelines on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import UserError
from reprise.prepared.shards import read_schema
from reprise.settings.params_file import read_params
from reprise.verification.pipelines import pipelines

EXAMPLES = """
reprise canary
reprise canary --record     (after a change of what a step computes)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--record", action="store_true", help="write canary.json anew from this machine")
    add_json(parser)
    add_quiet(parser)


def run(arguments: argparse.Namespace) -> None:
    """Check or record the steps of all pipelines whose prepared data is here."""
    from reprise.arithmetic.runtime import configure  # loads torch, which takes seconds
    from reprise.training import canary

    configure("cpu", "portable")
    if arguments.record:
        missing = [pipeline.prepared for pipeline in pipelines(Path()) if not pipeline.prepared.is_dir()]
        if missing:
            raise UserError(f"{missing[0]}: no such folder; run make repro and make recipes first")
        canary.CANARY_FILE.unlink(missing_ok=True)
    told: dict[str, str] = {}
    for pipeline in pipelines(Path()):
        params = read_params(pipeline.params)
        if params.train.numerics != "portable" or not pipeline.prepared.is_dir():
            continue
        schema = read_schema(pipeline.prepared)
        if arguments.record:
            told[str(pipeline.params)] = f"recorded as {canary.record(params.model, params.train, schema)}"
        else:
            known = canary.check(params.model, params.train, schema)
            told[str(pipeline.params)] = "same as recorded" if known else "no record"
        if not (arguments.json or arguments.quiet):
            print(f"{pipeline.params}: {told[str(pipeline.params)]}", flush=True)
    if arguments.json:
        print_json(told)
