"""``reprise fsck``: hash the files that the locks name, wherever they are stored."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from reprise.commands.output import add_json, add_quiet, print_json
from reprise.foundation.errors import RepriseError

EXAMPLES = """
reprise fsck
reprise fsck --remote --remove    (and in the default remote)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument(
        "--remote", nargs="?", const="", metavar="NAME",
        help="also in this DVC remote (no name: the default one), which is downloaded for it",
    )  # fmt: skip
    parser.add_argument(
        "--remove", action="store_true", help="remove what is damaged, so that DVC gets it anew"
    )
    add_json(parser)
    add_quiet(parser, "print damaged files alone")


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each damaged file and a count for each place.

    Raises
    ------
    RepriseError
        With exit code 1 if files are damaged and stay.
    """
    from reprise.verification.stored import CACHE, WORKSPACE, check_stored

    counts: dict[str, Counter[str]] = {WORKSPACE: Counter(), CACHE: Counter()}
    told = not (arguments.json or arguments.quiet)
    bad = []
    for file, place, path, state in check_stored(Path.cwd(), arguments.remote, remove=arguments.remove):
        counts.setdefault(place, Counter())[state] += 1
        if state == "damaged":
            bad.append({"name": file.name, "place": place, "path": str(path)})
        if state == "damaged" and not arguments.json:
            print(f"{file.name}: damaged in the {place}{', removed' * arguments.remove}: {path}")
    if arguments.json:
        print_json({"damaged": bad, "places": counts})
    for place, found in counts.items() if told else ():
        print(f"{place}: " + (", ".join(f"{found[state]} {state}" for state in sorted(found)) or "no files"))
    damaged = {place: found["damaged"] for place, found in counts.items() if found["damaged"]}
    if not damaged:
        return
    here = "dvc pull or dvc repro" if damaged.keys() & {WORKSPACE, CACHE} else ""
    there = "dvc push, where the cache is good," if damaged.keys() - {WORKSPACE, CACHE} else ""
    total, cure = sum(damaged.values()), " and ".join(filter(None, [here, there])) + " brings back"
    if not arguments.remove:
        raise RepriseError(f"fsck: {total} damaged; --remove removes what is damaged and {cure} what it was")
    if told:
        print(f"{total} removed; {cure} what they were")
