"""The rooms of reprise/: none imports from one that stands above it in the table of docs/architecture.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "reprise"


def floors() -> dict[str, int]:
    """Return how far below the top of the table each room stands; rooms of one line stand side by side."""
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").splitlines()
    named = [
        re.findall(r"`reprise/([a-z]+)/`", line.split("|")[1]) for line in table if line.startswith("| `")
    ]
    return {room: floor for floor, rooms in enumerate(named) for room in rooms}


def imports() -> set[tuple[str, str, str]]:
    """Return every import from one room to another: (file, its room, the room that it takes from)."""
    found = set()
    for path in PACKAGE.glob("*/**/*.py"):
        room = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                modules = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            elif isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            taken = {module.split(".")[1] for module in modules if re.match(r"reprise\.\w", module)}
            found |= {(str(path.relative_to(ROOT)), room, other) for other in taken if other != room}
    return found


def test_every_room_stands_in_the_table() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - floors().keys() == set()
    assert floors().keys() - rooms == set()


def test_no_room_imports_from_one_above_or_beside_it() -> None:
    floor = floors()
    seen = [(file, room, other) for file, room, other in imports() if other in floor]
    assert len(seen) > 100  # or nothing was looked at
    assert [one for one in seen if floor[one[2]] <= floor[one[1]]] == []


def test_training_and_evaluation_meet_in_files_alone() -> None:
    pairs = {(room, other) for _, room, other in imports()}
    assert ("training", "evaluation") not in pairs
    assert ("evaluation", "training") not in pairs
