"""``reprise new DIR``: a project of one's own, without this one's history, data, locks and recipes."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from reprise.foundation.errors import UserError

EXAMPLES = """
reprise new ../houses
reprise new ../houses --minimal    (three files, beside the installed package)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("folder", metavar="DIR", type=Path, help="new or empty; outside this repository")
    parser.add_argument("--name", help="of the project (default: the folder's)")
    parser.add_argument(
        "--minimal",
        action="store_true",
        help="params.yaml, dvc.yaml and your data beside the installed package, without Reprise's code; "
        "what an installed package makes in any case",
    )


def run(arguments: argparse.Namespace) -> None:
    """Start the project and say what comes next.

    Raises
    ------
    UserError
        If the folder holds something, or is inside another repository.
    """
    from reprise.project.new import start
    from reprise.project.plots_page import write_page
    from reprise.project.template import is_installed

    folder: Path = arguments.folder
    name = folder.resolve().name if arguments.name is None else arguments.name.strip()
    if not name or not name.isprintable():
        raise UserError(f"--name: must be a name in one line; found {arguments.name!r}")
    minimal = arguments.minimal or is_installed()
    left = start(folder, name, "package" if minimal else "copy")
    if minimal:
        write_page(folder)
    what = "beside the installed Reprise" if minimal else "with Reprise's code in it"
    print(f"{folder}: a project {what}")
    print(f"next: cd {shlex.quote(str(folder))}")
    print(
        "      " + ("dvc repro" if minimal else "make repro   # the environment (minutes), then the pipeline")
    )
    print("      reprise init-data data/raw/…   # when your data is there")
    if left:
        print(f"note: {left}")
