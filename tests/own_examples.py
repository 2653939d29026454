"""The worked examples of docs/own-code.md, exactly as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

from project_copy import ROOT

PAGE = ROOT / "docs/own-code.md"
BLOCK = re.compile(r"^```(?:python|yaml) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, dict[str, str]]:
    """Return each example's files, path: content, by the words of its heading."""
    sections = re.split(r"^## Example: ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {section.splitlines()[0]: dict(BLOCK.findall(section)) for section in sections}


def write_example(name: str, project: Path) -> None:
    """Write the files of an example into a project."""
    for path, content in examples()[name].items():
        (project / path).write_text(content, encoding="utf-8")
