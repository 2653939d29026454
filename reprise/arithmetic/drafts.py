"""An operation of the kernels before it has memory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from reprise.arithmetic.structures import (
    ConvolutionShape,
    LinearShape,
    MatrixPairs,
    Piecewise,
    Strides,
    Window,
)


class Kind(IntEnum):
    """``enum kind`` of program.h."""

    LINEAR = 0
    CONVOLUTION = 1
    ACTIVATION = 2
    BATCH_NORM = 3
    LAYER_NORM = 4
    GROUP_NORM = 5
    DROPOUT = 6
    MAX_POOL = 7
    AVERAGE_POOL = 8
    GLOBAL_AVERAGE = 9
    FLATTEN = 10
    SUM = 11
    MULTIPLY = 12
    SCALE = 13
    MOVE = 14
    JOIN = 15
    PARAMETER = 16
    MATRICES = 17
    SOFTMAX = 18
    EMBEDDING = 19
    PIECEWISE = 20
    MEMBERS = 21


class Activation(IntEnum):
    """``enum activation`` of families.h."""

    RELU = 0
    RELU6 = 1
    LEAKY_RELU = 2
    GELU = 3
    SILU = 4
    SIGMOID = 5
    TANH = 6


Sizes = LinearShape | ConvolutionShape | Window | Strides | MatrixPairs | Piecewise


@dataclass(frozen=True)
class Draft:
    """The fields are those of ``operation`` in program.h.

    Attributes
    ----------
    x, x2, y : int
        Numbers of values; -1: none.
    weight, bias : str
        Names of parameters; empty: none.
    layer : str
        The module's name where more than its parameters is needed.
    relu : int
        What is done on the way: 0 nothing, 1 ReLU, 2 ReLU6.
    """

    kind: Kind
    x: int = -1
    x2: int = -1
    y: int = -1
    weight: str = ""
    bias: str = ""
    layer: str = ""
    relu: int = 0
    pixels: int = 1
    channels: int = 1
    choice: int = 0
    number: float = 0.0
    keep_below: int = 0
    shape: Sizes | None = None


class Refused(Exception):
    """What the kernels can't do, with the reason."""


def relu() -> Draft:
    """Return ReLU as an operation of its own."""
    return Draft(Kind.ACTIVATION, choice=Activation.RELU)


def relu_of(draft: Draft) -> int:
    """Return what `Draft.relu` would do the same as this operation, 0 if nothing does."""
    known = {Activation.RELU: 1, Activation.RELU6: 2}
    return known.get(Activation(draft.choice), 0) if draft.kind == Kind.ACTIVATION else 0


def dropout(probability: float, layer: str = "") -> Draft | None:
    """Return a dropout; None where nothing is dropped."""
    if probability == 0.0:
        return None
    if probability == 1.0:
        raise Refused("drops everything; use a probability below 1")
    keep = 1.0 - probability
    return Draft(Kind.DROPOUT, layer=layer, number=1.0 / keep, keep_below=int(keep * 2**32))
