"""``reprise completion``: a script that completes the command in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

EXAMPLES = """
reprise completion bash >~/.local/share/bash-completion/completions/reprise
reprise completion zsh >~/.zfunc/_reprise      (in ~/.zshrc: fpath+=~/.zfunc, then compinit)
reprise completion fish >~/.config/fish/completions/reprise.fish
"""
SHELLS = ("bash", "zsh", "fish")
# What a placeholder in the help stands for, as a command that lists it in any of the shells.
RECIPES = "ls recipes 2>/dev/null | sed -n '/^dvc/d;s/[.]yaml//p'"
LISTED = {
    "REV": "git branch --no-column 2>/dev/null | cut -c3-; git tag 2>/dev/null",
    "RECIPE": RECIPES,
    "PIPELINE": f"echo main; {RECIPES}",
    "RECEIPT or PIPELINE": f"ls *.json 2>/dev/null; echo main; {RECIPES}",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that the script is for")


def run(arguments: argparse.Namespace) -> None:
    """Print the script: it holds all commands and options, so completing starts no Python."""
    import shtab

    from reprise.cli import COMMANDS, command_line

    kinds: dict[str, Any] = {name: shtab.cmd(command) for name, command in LISTED.items()}
    kinds |= {"DIR": shtab.DIRECTORY, **dict.fromkeys(("FILE", "PATH", "INPUT"), shtab.FILE)}
    parser = command_line(COMMANDS)
    for action in _options(parser):
        if isinstance(action.metavar, str) and action.metavar in kinds:
            setattr(action, "complete", kinds[action.metavar])  # noqa: B010 (where shtab looks; argparse has no such name)
    print(shtab.complete(parser, shell=arguments.shell))


def _options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of all commands; argparse has no public way to list them."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _options(command)
        else:
            yield action
