"""A project's Makefile and workflow: Reprise's without the targets that are about Reprise itself."""

from __future__ import annotations

import re

# Words that say what a recipe needs: files of the tools folder, and folders that no project gets.
TOOL = re.compile(r"tools/\w+\.py")
ELSEWHERE = re.compile(r"\b(pytest|tests|benchmarks|recipes)\b|\.ci/")
OF_REPRISE = {"wheel"}
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)([^#\n]*)", re.MULTILINE)
LISTS = re.compile(r"^(?:\.PHONY:|CI :=).*$", re.MULTILINE)  # lines that name targets
STEP = re.compile(r"^ *- run: make ([a-z-]+)\n", re.MULTILINE)


def without_missing(text: str, files: set[str]) -> str:
    """Return a Makefile without the targets that need what isn't there, nor those that need such targets.

    Parameters
    ----------
    text : str
        Blocks between empty lines; a block with a target is about that one alone.
    files : set of str
        Paths of the project's files.
    """
    blocks = text.split("\n\n")
    named = {index: match for index, block in enumerate(blocks) if (match := TARGET.search(block))}
    dropped = OF_REPRISE | {match[1] for index, match in named.items() if _needs_more(blocks[index], files)}
    while True:
        more = {match[1] for match in named.values() if dropped & set(match[2].split())} - dropped
        if not more:
            break
        dropped |= more
    kept = [
        block for index, block in enumerate(blocks) if index not in named or named[index][1] not in dropped
    ]
    return LISTS.sub(lambda line: _without(line[0], dropped), "\n\n".join(kept).rstrip("\n") + "\n")


def of_workflow(text: str, makefile: str) -> str | None:
    """Return a workflow without the steps whose target a Makefile lacks; None if it calls something else.

    Parameters
    ----------
    text : str
        Of a GitHub workflow, whose steps are ``make`` and a target.
    makefile : str
    """
    if ELSEWHERE.search(text):
        return None
    targets = {match[1] for match in TARGET.finditer(makefile)}
    return STEP.sub(lambda step: step[0] if step[1] in targets else "", text)


def _needs_more(block: str, files: set[str]) -> bool:
    return ELSEWHERE.search(block) is not None or any(tool not in files for tool in TOOL.findall(block))


def _without(line: str, dropped: set[str]) -> str:
    return " ".join(word for word in line.split() if word not in dropped)
