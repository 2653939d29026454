"""The code that prepared data and model files carry, and whether it may run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reprise.foundation.errors import UserError
from reprise.own.code import FOLDER, Code, loaded, project_code
from reprise.settings.params import Section


class CodeFile(Section):
    """A file of own/."""

    sha256: str
    text: str


def code_to_carry() -> dict[str, CodeFile]:
    """Return the files that the modules loaded last were made of."""
    code = loaded()
    return {name: CodeFile(sha256=digest, text=code.files[name]) for name, digest in code.digests().items()}


def carried_code(files: Mapping[str, CodeFile], where: Path, *, trust: bool) -> Code:
    """Return carried code that may run.

    Code runs with all rights of whoever calls it. So it must be the project's own, byte for byte, or be
    trusted expressly.

    Parameters
    ----------
    files : mapping
    where : Path
        The file that carries it, for messages.
    trust : bool
        Let it run wherever it is from.

    Raises
    ------
    UserError
        If the code is damaged, or is neither the project's nor trusted.
    """
    code = Code({name: file.text for name, file in files.items()})
    damaged = [name for name, digest in code.digests().items() if digest != files[name].sha256]
    if damaged:
        raise UserError(f"{where}: the code of own/{damaged[0]} is damaged; run the train stage again")
    if not trust:
        _refuse_foreign(code, where)
    return code


def _refuse_foreign(code: Code, where: Path) -> None:
    here = project_code().files
    found = {
        name: "is not here" if name not in here else "differs"
        for name, text in code.files.items()
        if here.get(name) != text
    }
    if found:
        listed = ", ".join(f"{FOLDER / name} {how}" for name, how in found.items())
        raise UserError(
            f"{where}: carries code that is not this project's ({listed}); train again, or, if you trust "
            "where it comes from, add --trust-code"
        )
