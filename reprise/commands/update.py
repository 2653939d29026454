"""``reprise update [DIR]``: bring a project to this version of Reprise."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from reprise.foundation.errors import UserError

if TYPE_CHECKING:
    from reprise.project.update import Plan

EXAMPLES = """
reprise update ../houses                       (from a newer checkout of Reprise)
reprise update ../houses --keep pyproject.toml
"""
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "folder", metavar="DIR", type=Path, nargs="?", default=Path(), help="a project (default: %(default)s)"
    )
    for option, what in (("--keep", "leave this file as it is here"), ("--replace", "take the newer one")):
        parser.add_argument(
            option, metavar="FILE", action="append", default=[], help=f"{what}, where both sides changed it"
        )


def run(arguments: argparse.Namespace) -> None:
    """Update the project, and say what was done and what comes next.

    Raises
    ------
    UserError
        If this is no project, it has uncommitted changes, or both sides changed a file.
    """
    from reprise.project.update import apply, plan_update

    plan = plan_update(arguments.folder, arguments.keep, arguments.replace)
    done = plan.of("added", "replaced", "removed", "merged")
    if not done and plan.stands_already:
        print(f"{arguments.folder}: stands on this Reprise, {plan.new.reprise}, already")
        return
    apply(arguments.folder, plan)
    other = " (other code)" if plan.old.reprise == plan.new.reprise else ""
    print(f"{arguments.folder}: Reprise {plan.old.reprise} → {plan.new.reprise}{other}")
    for kind in ("added", "replaced", "removed", "merged", "kept"):
        paths = plan.of(kind)
        if paths:
            more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
            print(f"  {kind}: {', '.join(paths[:SHOWN])}{more}")
    _tell_of_params(arguments.folder)
    _tell_next(plan, done)


def _tell_of_params(folder: Path) -> None:
    """Say what this Reprise doesn't understand in params.yaml, which an update leaves alone."""
    from reprise.settings.params_file import read_params

    path = folder / "params.yaml"
    if path.is_file():
        try:
            read_params(path)
        except UserError as error:
            print("\n".join(f"to do: {problem}" for problem in error.problems))


def _tell_next(plan: Plan, done: list[str]) -> None:
    from reprise.project.update import ENVIRONMENT

    make = "make env && " if set(ENVIRONMENT) & set(done) else ""
    if plan.rerun:
        print(f"next: {make}dvc repro   # runs again: {', '.join(plan.rerun)}; dvc.lock changes")
        print("      git add --all && git commit")
    else:
        print(f"next: {make}git add --all && git commit   # dvc.lock stays as it is")
