"""Keep the stages' dependencies in dvc.yaml equal to the rooms that their code imports from.

``python tools/stage_dependencies.py`` rewrites the pipelines; ``--check`` only compares.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

PACKAGES = ("reprise", "stages")
PIPELINES = (Path("dvc.yaml"), Path("recipes/dvc.yaml"))


def imported_files(module: str, root: Path) -> set[Path]:
    """Return the project's files that `module` imports, itself included, at any depth.

    Imports inside functions count; so do the packages' ``__init__`` files, which Python runs on the way.
    """
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = module_file(waiting.pop(), root)
        if path is not None and path not in found:
            found.add(path)
            waiting += imports(path, root)
    return {path.relative_to(root) for path in found}


def imports(path: Path, root: Path) -> Iterator[str]:
    """Yield the names of the project's modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from reprise.foundation import seeds` names a module, `from reprise.cli import main` does not.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] in PACKAGES:
                parts = name.split(".")
                yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    if path.is_relative_to(root / PACKAGES[0]) or path.is_relative_to(root / PACKAGES[1]):
        yield path.relative_to(root).parts[0]


def module_file(module: str, root: Path) -> Path | None:
    """Return the file of a module of the project; None for a name that is no module."""
    base = root.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def expected(stage: dict[str, Any], root: Path) -> list[str]:
    """Return a stage's dependencies: its data as they stand, then its code."""
    definition = stage.get("do", stage)
    module = definition["cmd"].split("-m ")[1].split()[0]
    code = tuple(f"{package}/" for package in PACKAGES)
    data = [name for name in definition.get("deps", []) if not name.startswith(code)]
    return [*data, *sorted(path.as_posix() for path in rooms(imported_files(module, root)))]


def rooms(files: set[Path]) -> set[Path]:
    """Replace each file of a package right below reprise/, at any depth, by that package's folder.

    The list is short, because DVC takes time for each entry of each stage that it loads, and what a package
    reads beside its modules, such as sources in C, is covered too.
    """
    library = PACKAGES[0]
    return {
        Path(*path.parts[:2]) if path.parts[0] == library and len(path.parts) > 2 else path for path in files
    }


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
