"""A torch module as a list of the kernels' operations.

`torch.fx` follows the module's code once, with symbols for tensors; each layer and function that it meets
must be one that docs/arithmetic.md defines, and any other is refused by name before a step is computed.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

from reprise.arithmetic import rules
from reprise.arithmetic.rules import Draft, Kind, Refused
from reprise.foundation.errors import UserError

Shape = tuple[int, ...]  # of a row, as torch has it: (features,) or (channels, height, width)


@dataclass(frozen=True)
class Network:
    """What a module computes, as operations in order.

    Attributes
    ----------
    module : nn.Module
    shapes : list of tuple
        The shape of a row of each value, by number; value 0 is the input.
    operations : list of Draft
    """

    module: nn.Module
    shapes: list[Shape]
    operations: list[Draft]

    @property
    def outputs(self) -> int:
        """The outputs of a row."""
        return prod(self.shapes[self.operations[-1].y])


@dataclass
class _Trace:
    """Values and operations found so far."""

    shapes: list[Shape]
    operations: list[Draft] = field(default_factory=list)
    values: dict[fx.Node, int] = field(default_factory=dict)

    def append(self, draft: Draft, shape: Shape) -> int:
        """Add an operation; return the number of its output."""
        self.shapes.append(shape)
        self.operations.append(replace(draft, y=len(self.shapes) - 1))
        return len(self.shapes) - 1


class _Tracer(fx.Tracer):
    """Stops at the layers that have rules and at torch's own; follows the code of all others."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in rules.LAYERS or super().is_leaf_module(m, module_qualified_name)


ADDITIONS: tuple[Any, ...] = (operator.add, operator.iadd, torch.add)
RELUS: tuple[Any, ...] = (F.relu, torch.relu, torch.relu_)
METHODS = {
    "add": ADDITIONS[0],
    "add_": ADDITIONS[0],
    "relu": F.relu,
    "relu_": F.relu,
    "flatten": torch.flatten,
}


def compile_network(module: nn.Module, shape: Shape) -> Network:
    """Return the operations of a module.

    Parameters
    ----------
    module : nn.Module
        Maps (rows, *shape) to (rows, outputs). It is not changed.
    shape : tuple of int
        Of a row of the input.

    Raises
    ------
    UserError
        One line for each layer or function that has no definition.
    """
    try:
        graph = _Tracer().trace(module)
    except Exception as error:  # fx meets the user's code: whatever it raises says why it can't be followed
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"model: its code can't be followed in portable numerics ({type(error).__name__}: {reason}); "
            "compute without branches on values, or set train.numerics: native"
        ) from None
    problems = layer_problems(module, graph)
    if problems:
        raise UserError(*problems)
    trace = _Trace([shape])
    for node in graph.nodes:
        _follow(trace, node, dict(module.named_modules()))
    if not trace.operations:
        raise UserError("model: it has no layers; set train.numerics: native")
    result = _result(trace, graph)
    return Network(module, trace.shapes, fuse_relu(needed(trace.operations, result), result))


def layer_problems(module: nn.Module, graph: fx.Graph) -> list[str]:
    """Return a line for each layer that the kernels can't do, with the nearest fix."""
    layers = dict(module.named_modules())
    own = {name for name, _ in module.named_parameters()}  # a tied one has its first name alone
    problems = []
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        problems.append("model: takes one tensor in portable numerics; or set train.numerics: native")
    called = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    for place, name in enumerate(called):
        weights = [f"{name}.{kind}" for kind, _ in layers[name].named_parameters(recurse=False)]
        problem = rules.problem(layers[name])
        if weights and (name in called[:place] or not own.issuperset(weights)):
            problem = problem or "its weights are used twice, which has no definition yet"
        if problem:
            problems.append(f"model layer {name}: {problem}; use another layer or train.numerics: native")
    return problems


def _follow(trace: _Trace, node: fx.Node, layers: dict[str, nn.Module]) -> None:
    if node.op == "placeholder":
        trace.values[node] = 0
        return
    if node.op == "output":
        return
    if not node.args or any(isinstance(value, fx.Node) for value in node.kwargs.values()):
        raise UserError(
            f"model: {node.target} takes its tensor by a keyword; give tensors by position, or set "
            "train.numerics: native"
        )
    _refuse_lost_value(node, layers)
    inputs = [trace.values[argument] for argument in node.args if isinstance(argument, fx.Node)]
    shapes = [trace.shapes[number] for number in inputs]
    if node.op == "call_module":
        name = str(node.target)
        draft, shape = _of_layer(name, layers[name], shapes[0])
    else:
        draft, shape = _of_function(node, shapes)
    if draft is None:  # the same values in the same places
        trace.values[node] = inputs[0]
        if shape != shapes[0]:
            trace.values[node] = trace.append(
                Draft(Kind.FLATTEN, inputs[0], pixels=1, channels=prod(shape)), shape
            )
        return
    second = inputs[1] if len(inputs) > 1 else -1
    trace.values[node] = trace.append(replace(draft, x=inputs[0], x2=second), shape)


def _refuse_lost_value(node: fx.Node, layers: dict[str, nn.Module]) -> None:
    """Refuse an operation in place on a value that is used again: the program keeps values as they were."""
    if node.op == "call_module":
        in_place = getattr(layers[str(node.target)], "inplace", False)
    else:
        name = getattr(node.target, "__name__", str(node.target))
        in_place = name.endswith("_") or name == "iadd" or node.kwargs.get("inplace", False)
    later = list(node.graph.nodes)[list(node.graph.nodes).index(node) + 1 :]
    changed = node.args[0]
    if in_place and isinstance(changed, fx.Node) and any(user in later for user in changed.users):
        raise UserError(
            f"model: {node.target} changes a value in place that is used again; do without inplace, or set "
            "train.numerics: native"
        )


def _of_layer(name: str, layer: nn.Module, shape: Shape) -> tuple[Draft | None, Shape]:
    try:
        return rules.LAYERS[type(layer)](name, layer, shape)
    except Refused as reason:
        raise UserError(f"model layer {name}: {reason}") from None


def _of_function(node: fx.Node, shapes: list[Shape]) -> tuple[Draft | None, Shape]:
    target: Any = METHODS.get(str(node.target)) if node.op == "call_method" else node.target
    if target in ADDITIONS and not node.kwargs and len(shapes) == 2 and shapes[0] == shapes[1]:
        return Draft(Kind.SUM), shapes[0]
    if target in RELUS:
        return rules.relu(), shapes[0]
    if target is torch.flatten and node.args[1:] == (1,):
        return rules.flatten(shapes[0])
    name = getattr(target, "__name__", str(node.target))
    raise UserError(
        f"model: {name} of {', '.join(map(str, shapes)) or 'constants'} has no portable definition; "
        "additions of equal shapes, relu and flatten(1) have; use these, a layer, or train.numerics: native"
    )


def _result(trace: _Trace, graph: fx.Graph) -> int:
    output = next(node for node in graph.nodes if node.op == "output").args[0]
    if not isinstance(output, fx.Node) or trace.values[output] == 0:
        raise UserError("model: its output must be one tensor that its layers compute")
    return trace.values[output]


def needed(operations: list[Draft], result: int) -> list[Draft]:
    """Leave out what the result doesn't depend on; the result's own operation comes last."""
    wanted = {result}
    for draft in reversed(operations):
        if draft.y in wanted:
            wanted |= {draft.x, draft.x2}
    return [draft for draft in operations if draft.y in wanted and draft.y <= result]


FUSABLE = (Kind.LINEAR, Kind.CONVOLUTION, Kind.BATCH_NORM, Kind.SUM)


def fuse_relu(operations: list[Draft], result: int) -> list[Draft]:
    """Let an operation do the ReLU that alone follows it; the same bits, a pass over memory less."""
    uses = [number for draft in operations for number in (draft.x, draft.x2)]
    makers = {draft.y: place for place, draft in enumerate(operations)}
    fused = list(operations)
    dropped = set()
    for place, draft in enumerate(operations):
        maker = makers.get(draft.x)
        if not rules.is_relu(draft) or maker is None or uses.count(draft.x) > 1 or draft.x == result:
            continue
        if fused[maker].kind in FUSABLE and not fused[maker].relu:
            fused[maker] = replace(fused[maker], relu=True, y=draft.y)
            dropped.add(place)
    return [draft for place, draft in enumerate(fused) if place not in dropped]
