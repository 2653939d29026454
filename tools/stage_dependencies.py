"""Keep the stages' dependencies in dvc.yaml equal to the rooms that their code imports from.

``python tools/stage_dependencies.py`` rewrites the pipelines; ``--check`` only compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from reprise.foundation.package import PACKAGES
from reprise.project.code import imported_files, rooms

PIPELINES = (Path("dvc.yaml"), Path("recipes/dvc.yaml"))


def expected(stage: dict[str, Any], root: Path) -> list[str]:
    """Return a stage's dependencies: its data as they stand, then its code."""
    definition = stage.get("do", stage)
    module = definition["cmd"].split("-m ")[1].split()[0]
    code = tuple(f"{package}/" for package in PACKAGES)
    data = [name for name in definition.get("deps", []) if not name.startswith(code)]
    return [*data, *sorted(path.as_posix() for path in rooms(imported_files(module, root)))]


def main() -> int:
    """Rewrite or check the pipelines; return the exit code."""
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    wrong = []
    for path in PIPELINES:
        content = yaml.load(path.read_text(encoding="utf-8"))
        for name, stage in content["stages"].items():
            definition = stage.get("do", stage)
            wanted = expected(stage, Path.cwd())
            if list(definition.get("deps", [])) != wanted:
                wrong.append(f"{path}: {name}: deps differ from what its code imports; run make deps")
                definition["deps"] = CommentedSeq(wanted)
        if wrong and "--check" not in sys.argv:
            with path.open("w", encoding="utf-8", newline="\n") as stream:
                yaml.dump(content, stream)
    if wrong and "--check" in sys.argv:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
