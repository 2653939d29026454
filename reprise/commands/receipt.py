"""``reprise receipt``: what was run on what, with the SHA-256 of every output, to attach to a paper."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reprise.foundation.errors import UserError

EXAMPLES = """
reprise receipt
reprise receipt main iris --markdown receipt.md
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("pipelines", nargs="*", metavar="PIPELINE", help="main or a recipe; default: main")
    parser.add_argument("--all", action="store_true", help="every pipeline whose outputs are here")
    parser.add_argument(
        "--output", type=Path, default=Path("receipt.json"), metavar="FILE", help="(default: %(default)s)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it for people too")


def run(arguments: argparse.Namespace) -> None:
    """Write the receipt and say what it is about.

    Raises
    ------
    UserError
        If a name is unknown, or what lies here is not what a commit and its lock say.
    """
    from reprise.foundation.files import write_text
    from reprise.verification.pipelines import MAIN, named_pipelines, pipelines
    from reprise.verification.receipt_making import is_here, make_receipt

    root = Path()
    chosen = named_pipelines(list(dict.fromkeys(arguments.pipelines or [MAIN])), root)
    if arguments.all:
        known = pipelines(root)
        chosen = [pipeline for pipeline in known if is_here(root, pipeline)]
        left_out = [pipeline.name for pipeline in known if pipeline not in chosen]
        if left_out:
            print(f"note: not run here, left out: {', '.join(left_out)}", file=sys.stderr)
        if not chosen:
            raise UserError("receipt: no pipeline was run here; dvc repro")
    written = {path for path in (arguments.output, arguments.markdown) if path is not None}
    receipt = make_receipt(root, chosen, written)
    write_text(arguments.output, receipt.text())
    if arguments.markdown is not None:
        write_text(arguments.markdown, receipt.markdown())
    for name, result in receipt.result.pipelines.items():
        files = sum(len(stage) for stage in result.outputs.values())
        print(f"{name}: {files} files; {result.arithmetic}: {result.promise}")
    print(f"{arguments.output}: commit {receipt.result.commit[:12]}; reprise verify {arguments.output}")
