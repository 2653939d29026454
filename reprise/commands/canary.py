"""``reprise canary``: check or record one training step of the pipelines on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from reprise.foundation.errors import UserError
from reprise.prepared.shards import read_schema
from reprise.settings.params_file import read_params
from reprise.verification.pipelines import pipelines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--record", action="store_true", help="write canary.json anew from this machine")


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
    for pipeline in pipelines(Path()):
        params = read_params(pipeline.params)
        if params.train.numerics != "portable" or not pipeline.prepared.is_dir():
            continue
        schema = read_schema(pipeline.prepared)
        if arguments.record:
            name = canary.record(params.model, params.train, schema)
            print(f"{pipeline.params}: recorded as {name}")
        else:
            known = canary.check(params.model, params.train, schema)
            print(f"{pipeline.params}: {'same as recorded' if known else 'no record'}")
