"""How large a model is, before anything of its size is made; and whether weights are those of a model."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Size, Tensor, nn

from reprise.arithmetic.runtime import Device
from reprise.foundation.errors import EnvironmentProblem
from reprise.foundation.room import require_memory
from reprise.model.bag import outline
from reprise.model.card import CARD
from reprise.prepared.schema import Schema
from reprise.settings.params import Model, Params, Train

FLOAT = 4  # bytes
MOMENTS = {"adam": 2, "adamw": 2}  # values that an optimizer keeps for each weight
UNBOUNDED = ("linear", "mlp", "tabm", "cnn")  # the kinds whose size parameters and data decide


def outlined(model: Model, train: Train, schema: Schema) -> nn.Module | None:
    """Return a model without memory for its weights; None for the kinds whose size is known to be bearable.

    Raises
    ------
    UserError
        If the architecture does not fit the data.
    EnvironmentProblem
        If the weights can't even be counted in 64 bits.
    """
    if model.kind not in UNBOUNDED:
        return None
    try:
        return outline(model, train, schema)
    except (RuntimeError, TypeError):  # torch's for sizes beyond 64 bits
        raise EnvironmentProblem(
            f"{_key_of_largest(model)}: has more weights than any machine's memory; use smaller ones"
        ) from None


def refuse_too_large(params: Params, schema: Schema, device: Device) -> int:
    """Refuse a model that can't be trained in this machine's memory.

    What is certainly needed, however many processes share the slices out, are all weights and, on a CPU, of
    the network in training a gradient and what the optimizer keeps.

    Returns
    -------
    int
        Bytes of the weights; 0 where that is not known yet.

    Raises
    ------
    EnvironmentProblem
        Names the parameter and both sizes.
    """
    train = params.train
    module = outlined(params.model, train, schema)
    if module is None:
        return 0
    count = _weights(module)
    copies = 1.0
    if device == "cpu" and train.optimizer != "exact":
        moments = MOMENTS.get(train.optimizer, int(train.momentum > 0.0))
        copies += (1 + moments) / train.folds
    require_memory(
        int(FLOAT * count * copies),
        f"{_key_of_largest(params.model)}: training {count:,} weights",
        "use smaller ones",
    )
    return FLOAT * count


def misfit(module: nn.Module, tensors: Mapping[str, Tensor]) -> str | None:
    """Return why tensors are not the weights of a model, its first problem in full; None: they are."""
    wanted = {name: tensor.shape for name, tensor in module.state_dict().items()}
    problems = [
        f"{name} has the shape {_shape(tensors[name].shape)}, but {CARD} asks for {_shape(shape)}"
        for name, shape in wanted.items()
        if name in tensors and tensors[name].shape != shape
    ]
    problems += [f"there is no {name} of {_shape(wanted[name])}" for name in wanted if name not in tensors]
    problems += [f"{name} belongs to no layer" for name in tensors if name not in wanted]
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return problems[0] + more


def _shape(shape: Size) -> str:
    return "x".join(map(str, shape)) or "one number"


def _weights(module: nn.Module) -> int:
    return sum(tensor.numel() for tensor in module.state_dict().values())


def _key_of_largest(model: Model) -> str:
    """Return the parameter with the largest layer."""
    mlp, tabm, cnn = model.mlp, model.tabm, model.cnn
    widths = {
        "mlp": {"mlp.hidden": mlp.hidden},
        "tabm": {"tabm.hidden": tabm.hidden},
        "cnn": {"cnn.channels": cnn.channels, "cnn.hidden": cnn.hidden},
    }.get(model.kind, {})
    key = max(widths, key=lambda name: max(widths[name], default=0), default="")
    return f"model.{key}" if key and widths[key] else f"model.kind: {model.kind}"
