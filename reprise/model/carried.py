"""The code that a model file carries: what a network of one's own was made with, and whether it may run."""

from __future__ import annotations

from pathlib import Path

from reprise.foundation.errors import UserError
from reprise.model.card import CARD, CodeFile, ModelCard
from reprise.own.code import FOLDER, Code, loaded, project_code


def code_to_carry() -> dict[str, CodeFile]:
    """Return the files that the network that was built last was made with."""
    code = loaded()
    return {name: CodeFile(sha256=digest, text=code.files[name]) for name, digest in code.digests().items()}


def carried_code(card: ModelCard, folder: Path, *, trust: bool) -> Code | None:
    """Return the code that a model file carries; None if its network is one of ours.

    Code runs with all rights of whoever calls it. So it must be the project's own, byte for byte, or be
    trusted expressly.

    Parameters
    ----------
    card : ModelCard
    folder : Path
        Where the card is from, for messages.
    trust : bool
        Run the code wherever it is from.

    Raises
    ------
    UserError
        If the code is damaged, or is neither the project's nor trusted.
    """
    if card.model.kind != "own":
        return None
    where = folder / CARD
    if not card.own:
        raise UserError(f"{where}: carries no code for model.kind: own; run the train stage again")
    code = Code({name: file.text for name, file in card.own.items()})
    damaged = [name for name, digest in code.digests().items() if digest != card.own[name].sha256]
    if damaged:
        raise UserError(f"{where}: the code of {damaged[0]} is damaged; run the train stage again")
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
