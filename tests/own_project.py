"""A folder with own/ in it, which the tests of own code make the current one."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

HEAD = "import torch\nfrom torch import nn\nfrom torch.nn import functional as F\n"


def write_own(folder: Path, **files: str) -> None:
    """Write files of own/: ``model="…"`` is own/model.py."""
    (folder / "own").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "own" / f"{name}.py").write_text(dedent(text), encoding="utf-8")


def network(returned: str, *, arguments: str = "", before: str = "") -> str:
    """Return an own/model.py whose build() returns an expression."""
    lines = "".join(f"    {line}\n" for line in before.splitlines())
    return f"{HEAD}\n\ndef build(schema{arguments}):\n{lines}    return {returned}\n"


def in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder the project, with states of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("REPRISE_STATE", str(folder / "state"))
