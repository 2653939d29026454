"""Which code each stage depends on: what its module imports, at any depth."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from reprise.foundation.package import PACKAGES, code_files, digest

STAGES = ("prepare", "train", "evaluate")


def imported_files(module: str, root: Path) -> set[Path]:
    """Return the files below `root` that `module` imports, itself included, at any depth.

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
    """Yield the names of Reprise's modules that a file imports."""
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
    """Return the file of a module; None for a name that is no module."""
    base = root.joinpath(*module.split("."))
    candidates = (base.with_suffix(".py"), base / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


def rooms(files: set[Path]) -> set[Path]:
    """Replace each file of a package right below reprise/, at any depth, by that package's folder.

    The list is short, because DVC takes time for each entry of each stage that it loads, and what a package
    reads beside its modules, such as sources in C, is covered too.
    """
    library = PACKAGES[0]
    return {
        Path(*path.parts[:2]) if path.parts[0] == library and len(path.parts) > 2 else path for path in files
    }


def stage_digests(root: Path) -> dict[str, str]:
    """Return a SHA-256 for each stage over the code that it depends on.

    Parameters
    ----------
    root : Path
        Holds the packages.
    """
    found = {}
    for stage in STAGES:
        entries = [root / path for path in rooms(imported_files(f"stages.{stage}", root))]
        files = [file for path in entries for file in (code_files(path) if path.is_dir() else [path])]
        found[stage] = digest(files, root)
    return found
