"""The model file: model.safetensors (weights) and model.json (see `reprise.model.card`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from reprise.foundation.errors import UserError
from reprise.foundation.files import sha256_bytes, tensors_bytes, write_bytes, write_json
from reprise.model.bag import build_answering
from reprise.model.card import CARD, WEIGHTS, ModelCard, read_card
from reprise.model.sizes import misfit, outlined
from reprise.own.carried import carried_code
from reprise.own.code import Code


def save_model(folder: Path, module: nn.Module, card: ModelCard) -> ModelCard:
    """Write both files; return the card with the hash of the weights."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in module.state_dict().items()}
    weights = tensors_bytes(arrays)
    complete = card.model_copy(update={"weights_sha256": sha256_bytes(weights)})
    write_bytes(folder / WEIGHTS, weights)
    write_json(folder / CARD, complete.to_json())
    return complete


def load_model(folder: Path, *, trust: bool = False) -> tuple[nn.Module, ModelCard]:
    """Return a trained model in evaluation mode, on the CPU, and its card.

    Parameters
    ----------
    folder : Path
    trust : bool
        Run the code that the model file carries, if it does, also where it is not the project's own.

    Raises
    ------
    UserError
        If a file is missing, damaged, or does not belong to the other.
    """
    card = read_card(folder)
    code = _code(card, folder, trust=trust)
    path = folder / WEIGHTS
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; run the train stage (dvc repro)") from None
    if sha256_bytes(data) != card.weights_sha256:
        raise UserError(
            f"{path}: does not belong to {CARD} beside it or is damaged; run the train stage again"
        )
    try:
        tensors = load(data)
    except SafetensorError as error:
        raise UserError(f"{path}: is no safetensors file ({error}); run the train stage again") from None
    # A model.json of someone else's may ask for any size: what it says is compared before it is made.
    _refuse_misfit(path, outlined(card.model, card.train, card.data), tensors)
    # Every initial value is replaced by the loaded one.
    module = build_answering(card.model, card.train, card.data, 0, code)
    _refuse_misfit(path, module, tensors)
    module.load_state_dict(tensors)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module.eval(), card


def _refuse_misfit(path: Path, module: nn.Module | None, tensors: Mapping[str, Tensor]) -> None:
    problem = None if module is None else misfit(module, tensors)
    if problem is not None:
        raise UserError(f"{path}: does not fit {CARD} beside it: {problem}; run the train stage again")


def _code(card: ModelCard, folder: Path, *, trust: bool) -> Code | None:
    """Return the code of a network of one's own; None for one of ours."""
    if card.model.kind != "own":
        return None
    if not card.own:
        raise UserError(f"{folder / CARD}: carries no code for model.kind: own; run the train stage again")
    return carried_code(card.own, folder / CARD, trust=trust)
