"""A small trained project to share, and the commands of docs/remotes.md to do it with."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from project_copy import ROOT, copy_project, environment, run
from ruamel.yaml import YAML

GUIDE = (ROOT / "docs/remotes.md").read_text(encoding="utf-8")
MODEL = ("models/model.json", "models/model.safetensors")


def blocks(heading: str) -> list[list[str]]:
    """Return the commands of each block below a heading of docs/remotes.md."""
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


def shown(heading: str, first: str) -> list[str]:
    """Return the lines of output that docs/remotes.md shows below a heading, from the first on."""
    section = GUIDE.split(f"\n## {heading}\n")[1]
    return (first + section.split(f"```\n{first}")[1].split("```")[0]).splitlines()


def trained_project(folder: Path) -> Path:
    """Return a copy of the project that has learnt a line, committed."""
    copy_project(folder)
    params = (ROOT / "recipes/line.yaml").read_text(encoding="utf-8")
    params = params.replace("evaluate:\n", "evaluate:\n  baselines: none\n")  # they take seconds
    (folder / "params.yaml").write_text(params, encoding="utf-8")
    run("dvc repro", folder)
    run("git add --all", folder)
    run("git commit --quiet --message line", folder)
    return folder


def dvc(lines: list[str], folder: Path, *, fails: int = 0) -> str:
    """Run dvc commands in one process, which takes half a second to load; the last ends with `fails`."""
    program = "import sys; from dvc.cli import main; print([main(line.split()[1:]) for line in sys.stdin])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(lines),
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    codes = [0] * (len(lines) - 1) + [fails]
    assert str(codes) in done.stdout, f"{lines} ended with other codes than {codes}:\n{done.stdout}"
    return done.stdout


def locked(folder: Path) -> dict[str, str]:
    """Return path: MD5 of what dvc.lock says that training writes."""
    content = YAML(typ="safe", pure=True).load((folder / "dvc.lock").read_text(encoding="utf-8"))
    return {out["path"]: out["md5"] for out in content["stages"]["train"]["outs"]}


def flip(path: Path) -> bytes:
    """Return a file's bytes with one bit changed."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    return bytes(data)
