"""The Python files of own/ as texts, and modules that are loaded from such texts and from nothing else.

A model file carries the texts that its network was made with, so what is loaded may come from the project's
folder or from a model file. Either way the package is called `own`: its files may import each other as
``from own.layers import Block`` or ``from .layers import Block``. Nothing is added to ``sys.path``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_bytes, sha256_file
from reprise.foundation.workspace import leads_outside
from reprise.own.errors import telling

FOLDER = Path("own")
PACKAGE = "own"


@dataclass(frozen=True)
class Code:
    """Python files.

    Attributes
    ----------
    files : mapping of str to str
        Name in own/, such as ``model.py`` or ``parts/block.py``: content.
    """

    files: Mapping[str, str]

    def digests(self) -> dict[str, str]:
        """Return each file's SHA-256."""
        return {name: sha256_bytes(text.encode("utf-8")) for name, text in sorted(self.files.items())}


def project_code() -> Code:
    """Return the Python files of own/ in the current folder, which is the project's.

    Raises
    ------
    UserError
        If a file is not UTF-8, or the folder is a link to one outside the project.
    """
    target = leads_outside(FOLDER)
    if target is not None:
        raise UserError(f"{FOLDER}: is a link to {target}, outside the project; put the code itself there")
    return Code({name: _text(FOLDER / name) for name in sorted(_names())})


def folder_digests() -> dict[str, str]:
    """Return the SHA-256 of every file of own/, whatever it is: code may read others."""
    return {name: sha256_file(FOLDER / name) for name in sorted(_names("*"))}


def _names(pattern: str = "*.py") -> list[str]:
    paths = (path.relative_to(FOLDER) for path in FOLDER.rglob(pattern) if path.is_file())
    return [
        path.as_posix() for path in paths if not any(p.startswith((".", "__pycache")) for p in path.parts)
    ]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save it as UTF-8") from None


class _Finder(MetaPathFinder, Loader):
    """Finds the package and its modules in the code that was loaded last.

    Attributes
    ----------
    code : Code
    entry : str
        The module that was asked for; what it imports is loaded with it.
    """

    def __init__(self) -> None:
        self.code, self.entry = Code({}), ""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module of the package is loaded; None for any other."""
        del path, target
        if fullname.split(".")[0] != PACKAGE or not self.entry:
            return None
        inside = "/".join(fullname.split(".")[1:])
        for file, is_package in ((f"{inside}.py", False), (f"{inside}/__init__.py".lstrip("/"), True)):
            if file in self.code.files:
                origin = (FOLDER / file).as_posix()
                spec = ModuleSpec(fullname, self, origin=origin, is_package=is_package)
                spec.has_location = True  # `__file__` may be used to find a file beside the module
                return spec
        start = f"{inside}/".lstrip("/")
        if any(name.startswith(start) for name in self.code.files):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run a module's text."""
        origin = module.__spec__.origin if module.__spec__ else None
        if origin is not None:
            text = self.code.files[Path(origin).relative_to(FOLDER).as_posix()]
            exec(compile(text.encode("utf-8"), origin, "exec"), module.__dict__)


_finder = _Finder()


def load(code: Code, entry: str, signature: str) -> ModuleType:
    """Return a module of one's own, which was loaded with all that it imports.

    Parameters
    ----------
    code : Code
    entry : str
        ``model``, ``data`` or ``metrics``.
    signature : str
        Of the function that is looked for in it, for messages.

    Raises
    ------
    UserError
        If there is no such file, it can't be loaded, or it has no such function.
    """
    place, name = f"{PACKAGE}/{entry}.py", signature.partition("(")[0]
    if f"{entry}.py" not in code.files:
        raise UserError(f"{place}: no such file; write {signature} there (docs/own-code.md)")
    if (_finder.code, _finder.entry) != (code, entry):
        _forget()
        _finder.code, _finder.entry = code, entry
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    try:
        with telling(place):
            module = importlib.import_module(f"{PACKAGE}.{entry}")
    except UserError:
        _forget()
        raise
    if not callable(getattr(module, name, None)):
        raise UserError(f"{place}: has no function {name}; write {signature} there (docs/own-code.md)")
    return module


def loaded() -> Code:
    """Return the files that the modules loaded last were made of."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == PACKAGE]
    origins = [module.__spec__.origin for module in modules if module.__spec__ is not None]
    names = sorted(Path(origin).relative_to(FOLDER).as_posix() for origin in origins if origin)
    return Code({name: _finder.code.files[name] for name in names})


def _forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]
