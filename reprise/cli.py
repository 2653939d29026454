"""The ``reprise`` command: finds the module of a command and hands over."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import reprise
from reprise.foundation.errors import UserError, exit_with, nearest

# Name: one line of help. The module is reprise.commands.NAME, with _ for -.
COMMANDS = {
    "init-data": "look at a table or a folder of images and write params.yaml for it",
    "import-table": "write the rows of a database query to data/raw as a Parquet file",
    "predict": "apply a trained model to new rows or images",
    "inspect": "print what a model file holds",
    "report": "write report.html: one page on the model and its results",
    "card": "write the model card, models/card.md, or bring it up to date",
    "export": "write the model as ONNX or as a torch.export program",
    "watch": "show the trainings that run now: progress, speed, time left, figures",
    "seeds": "train with several seeds and report how far the metrics spread",
    "folds": "cross-validate the whole pipeline and report how far the metrics spread",
    "tune": "search for better parameters, by the validation split",
    "compare": "say whether the difference between two experiments is more than chance",
    "bar": "fail when a test metric misses the bar that its parameters set",
    "verify": "reproduce the committed pipelines in a clean clone and compare every byte",
    "fsck": "hash the files that the locks name, in the workspace, the cache and a remote",
    "canary": "check (or record) one training step of the pipelines on this machine",
    "doctor": "check the environment",
}


def main() -> None:
    """Run the ``reprise`` command and end the process."""
    exit_with(lambda: run(sys.argv[1:]))


def run(words: Sequence[str]) -> None:
    """Run one command line.

    Raises
    ------
    UserError
        If the command is unknown; whatever the command raises.
    """
    parser = argparse.ArgumentParser(
        prog="reprise", description="Reprise: a training pipeline that gives the same bytes every time."
    )
    parser.add_argument("--version", action="version", version=f"reprise {reprise.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    wanted = words[0] if words else ""
    if wanted and not wanted.startswith("-") and wanted not in COMMANDS:
        close = nearest(wanted, COMMANDS)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(COMMANDS)}"
        raise UserError(f"reprise: unknown command {wanted!r}; {hint}")
    for name, line in COMMANDS.items():
        command = subparsers.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == wanted:
            module = importlib.import_module(f"reprise.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    arguments = parser.parse_args(words)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
