"""The ``reprise`` command: finds the module of a command and hands over."""

from __future__ import annotations

import argparse
import importlib
import sys
import textwrap
from collections.abc import Container, Sequence

import reprise
from reprise.foundation.errors import UserError, exit_with, nearest

# Name: one line of help. The module, reprise.commands.NAME with _ for -, has add_arguments, run and EXAMPLES.
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
    "summary": "print results, and what changed beside another commit, as Markdown",
    "bar": "fail when a test metric misses the bar that its parameters set",
    "receipt": "write what was run on what, with the hash of every output, to attach to a paper",
    "verify": "reproduce the committed pipelines, or a receipt, in a clean clone and compare every byte",
    "fsck": "hash the files that the locks name, in the workspace, the cache and a remote",
    "new": "start a project of one's own that stands on this Reprise",
    "update": "bring a project to this version of Reprise; what is the user's stays",
    "canary": "check (or record) one training step of the pipelines on this machine",
    "doctor": "check the environment",
    "completion": "print a script that completes reprise's commands in a shell",
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
    wanted = words[0] if words else ""
    if wanted and not wanted.startswith("-") and wanted not in COMMANDS:
        close = nearest(wanted, COMMANDS)
        hint = f"did you mean {close}?" if close else f"there are {', '.join(COMMANDS)}"
        raise UserError(f"reprise: unknown command {wanted!r}; {hint}")
    arguments = command_line({wanted}).parse_args(words)
    arguments.run(arguments)


def command_line(wanted: Container[str]) -> argparse.ArgumentParser:
    """Return the parser of the command line; the options of commands that are not wanted are left out.

    Parameters
    ----------
    wanted : container of str
        The commands whose modules are loaded.
    """
    parser = argparse.ArgumentParser(
        prog="reprise",
        description="Reprise: a training pipeline that gives the same bytes every time.",
        epilog="reprise COMMAND --help says more, with examples.",
        formatter_class=_Help,
    )
    parser.add_argument("--version", action="version", version=f"reprise {reprise.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, line in COMMANDS.items():
        command = subparsers.add_parser(
            name, help=line, description=line[0].upper() + line[1:] + ".", formatter_class=_Help
        )
        if name in wanted:
            module = importlib.import_module(f"reprise.commands.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.epilog = "examples:\n" + textwrap.indent(module.EXAMPLES.strip("\n"), "  ")
            command.set_defaults(run=module.run)
    return parser


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help with the names of commands and options in one column and lines of examples as they are."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if action.nargs == argparse.PARSER:  # argparse forgets that it indents the commands by two
            self._action_max_length += 2


if __name__ == "__main__":
    main()
