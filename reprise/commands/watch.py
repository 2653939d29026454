"""``reprise watch``: the progress of the trainings that run now, in another terminal."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from reprise.commands.output import add_json, print_json
from reprise.foundation.errors import UserError
from reprise.foundation.states import STATE_VARIABLE, state_root
from reprise.foundation.workspace import main_root
from reprise.training.live import live_files
from reprise.watching.text import BARS, PLAIN_BARS, block, ended, interrupted

EXAMPLES = """
reprise watch
reprise watch --once
reprise watch --json | jq '.[].epoch'
"""
PIPELINE = Path("dvc.yaml")
EVERY, EVERY_IN_A_LOG = 1.0, 30.0  # seconds between two looks
BACK_AND_CLEAR = "\x1b[{}A\x1b[J"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="show trainings of this params file alone"
    )
    parser.add_argument("--once", action="store_true", help="print how things stand and end")
    add_json(parser)


def run(arguments: argparse.Namespace) -> None:
    """Show the running trainings until the last of them has ended.

    Raises
    ------
    UserError
        If this is no project's folder, or there is no such params file.
    """
    if not os.environ.get(STATE_VARIABLE) and not (main_root() / PIPELINE).is_file():
        raise UserError(f"{PIPELINE}: not in this folder; run watch in the project's folder")
    wanted: Path | None = arguments.params
    if wanted is not None and not wanted.is_file():
        raise UserError(f"{wanted}: no such file; without --params all trainings are shown")
    found = _found(wanted)
    if arguments.json:
        print_json(found)
        return
    if not any(one["running"] for one in found):
        print(f"no training is running{interrupted(found)}")
        return
    if arguments.once:
        print(_shown(found))
        return
    _follow(wanted)


def _found(wanted: Path | None) -> list[dict[str, Any]]:
    """Return what the live files hold, of one params file or of all."""
    name = None if wanted is None else Path(os.path.relpath(wanted)).as_posix()
    return [one for one in live_files(state_root()) if name in (None, one["params"])]


def _shown(found: list[dict[str, Any]]) -> str:
    try:
        BARS.encode(sys.stdout.encoding or "ascii")
        bars = BARS
    except UnicodeEncodeError:
        bars = PLAIN_BARS
    return block([one for one in found if one["running"]], bars)


def _follow(wanted: Path | None) -> None:
    """Show the trainings anew every second, in place on a terminal, until none is running."""
    in_place = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    seen: dict[str, dict[str, Any]] = {}
    rows = 0
    while True:
        found = _found(wanted)
        running = {one["id"]: one for one in found if one["running"]}
        if in_place and rows:
            print(BACK_AND_CLEAR.format(rows), end="")
        if over := [one for name, one in seen.items() if name not in running]:
            print(ended(over, found))
        if not running:
            return
        lines = _shown(found).split("\n")
        if in_place:
            # No more than fits: what has scrolled away can't be drawn anew.
            width, height = shutil.get_terminal_size()
            lines = [line[: width - 1] for line in lines[: height - 1]]
        print("\n".join(lines), flush=True)
        seen, rows = running, len(lines)
        time.sleep(EVERY if in_place else EVERY_IN_A_LOG)
