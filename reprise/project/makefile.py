"""A project's Makefile: Reprise's without the targets that are about Reprise itself."""

from __future__ import annotations

import re

# Words that say what a recipe needs: files of the tools folder, and folders that no project gets.
TOOL = re.compile(r"tools/\w+\.py")
ELSEWHERE = re.compile(r"\b(pytest|tests|benchmarks|recipes)\b|\.ci/")
OF_REPRISE = {"wheel"}
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)([^#\n]*)", re.MULTILINE)


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
    targets = {index: match for index, block in enumerate(blocks) if (match := TARGET.search(block))}
    dropped = OF_REPRISE | {match[1] for index, match in targets.items() if _needs_more(blocks[index], files)}
    while True:
        more = {match[1] for match in targets.values() if dropped & set(match[2].split())} - dropped
        if not more:
            break
        dropped |= more
    kept = [
        block
        for index, block in enumerate(blocks)
        if index not in targets or targets[index][1] not in dropped
    ]
    return re.sub(
        r"^\.PHONY:.*$",
        lambda line: _phony(line[0], dropped),
        "\n\n".join(kept).rstrip("\n") + "\n",
        flags=re.M,
    )


def _needs_more(block: str, files: set[str]) -> bool:
    return ELSEWHERE.search(block) is not None or any(tool not in files for tool in TOOL.findall(block))


def _phony(line: str, dropped: set[str]) -> str:
    return " ".join(word for word in line.split() if word not in dropped)
