"""A torch module as a list of the kernels' operations.

`torch.fx` follows the module's code once, with symbols for tensors; each layer and function that it meets
must be one that docs/arithmetic.md defines, and any other is refused by name before a step is computed.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from threading import Lock
from typing import Any

from torch import fx, nn

from reprise.arithmetic import rules
from reprise.arithmetic.builder import Builder
from reprise.arithmetic.drafts import Draft, Kind, Refused
from reprise.arithmetic.functions import BY_NAME, FUNCTIONS
from reprise.arithmetic.shortening import fuse_relu, needed
from reprise.arithmetic.views import View
from reprise.foundation.errors import UserError
from reprise.own.errors import place_of

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
    trains : bool
        Whether the module was in training mode, so that members' outputs are left alone.
    """

    module: nn.Module
    shapes: list[Shape]
    operations: list[Draft]
    trains: bool = True

    @property
    def members(self) -> int:
        """How many models answer together; in training each has a loss of its own."""
        last = self.operations[-1]
        return last.pixels if last.kind == Kind.MEMBERS and self.trains else 1

    @property
    def outputs(self) -> int:
        """The outputs of a row, in evaluation."""
        return prod(self.shapes[self.operations[-1].y]) // self.members


# What code may do with sizes and with tuples.
PLAIN: tuple[Any, ...] = (
    operator.getitem, operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, operator.eq,
)  # fmt: skip
NO_MATTER = ("_stacklevel", "inplace")  # keywords that change no value (what is lost in place is refused)


_TRACING = Lock()  # torch.fx changes torch's functions while it traces: one thread at a time


class _Tracer(fx.Tracer):
    """Stops at the layers that have rules and at torch's own; follows the code of all others."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in rules.LAYERS or super().is_leaf_module(m, module_qualified_name)


def traced(module: nn.Module) -> fx.Graph:
    """Return what a module's code does, down to the layers that have rules."""
    with _TRACING:
        return _Tracer().trace(module)


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
        graph = traced(module)
    except Exception as error:  # fx meets the user's code: whatever it raises says why it can't be followed
        reason = " ".join(str(error).split())[:200]
        place = place_of(error) or "model"
        raise UserError(
            f"{place}: its code can't be followed in portable numerics ({type(error).__name__}: {reason}); "
            "compute without branches on values, or set train.numerics: native"
        ) from None
    problems = layer_problems(module, graph)
    if problems:
        raise UserError(*problems)
    builder = Builder([shape])
    followed = _Followed(module, builder, graph)
    for node in graph.nodes:
        followed.follow(node)
    if not builder.operations:
        raise UserError("model: it has no layers; set train.numerics: native")
    result = followed.result()
    operations = fuse_relu(needed(builder.operations, result), result)
    return Network(module, builder.shapes, operations, module.training)


def layer_problems(module: nn.Module, graph: fx.Graph) -> list[str]:
    """Return a line for each layer that the kernels can't do, with the nearest fix."""
    layers = dict(module.named_modules())
    own = {name for name, _ in module.named_parameters()}  # a tied one has its first name alone
    problems = []
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        problems.append("model: takes one tensor in portable numerics; or set train.numerics: native")
    called = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    own -= {str(node.target) for node in graph.nodes if node.op == "get_attr"}
    for place, name in enumerate(called):
        weights = [f"{name}.{kind}" for kind, _ in layers[name].named_parameters()]
        problem = rules.problem(layers[name])
        if weights and (name in called[:place] or not own.issuperset(weights)):
            problem = problem or "its weights are used twice, which has no definition yet"
        if problem:
            problems.append(f"model layer {name}: {problem}; use another layer or train.numerics: native")
    return problems


class _Followed:
    """What each node of a graph is: a view, or sizes and other things that code computes with."""

    def __init__(self, module: nn.Module, builder: Builder, graph: fx.Graph) -> None:
        self.layers = dict(module.named_modules())
        self.parameters = dict(module.named_parameters())
        self.builder, self.graph = builder, graph
        self.places = {node: place for place, node in enumerate(graph.nodes)}
        self.found: dict[fx.Node, Any] = {}

    def follow(self, node: fx.Node) -> None:
        """Find out what a node is, from those before it."""
        if node.op == "placeholder":
            self.found[node] = self.builder.input
        elif node.op == "get_attr":
            self.found[node] = self._parameter(str(node.target))
        elif node.op != "output":
            self._refuse_keywords(node)
            self._refuse_lost_value(node)
            arguments = fx.node.map_arg(node.args, self.found.__getitem__)
            keywords = {
                name: fx.node.map_arg(value, self.found.__getitem__)
                for name, value in node.kwargs.items()
                if value is not None and name not in NO_MATTER
            }
            of = self._of_layer if node.op == "call_module" else self._of_function
            self.found[node] = of(node, arguments, keywords)

    def result(self) -> int:
        """Return the number of the value that comes out."""
        output = next(node for node in self.graph.nodes if node.op == "output").args[0]
        view = self.found[output] if isinstance(output, fx.Node) else None
        if isinstance(view, View):
            try:
                made = self.builder.row_major(view).source
            except Refused as reason:
                raise UserError(f"model: its output {reason}") from None
            if made > 0:
                self._refuse_early_answers(made)
                return made
        raise UserError("model: its output must be one tensor that its layers compute")

    def _refuse_early_answers(self, result: int) -> None:
        trains = any(module.training for module in self.layers.values())
        if trains and any(
            draft.kind == Kind.MEMBERS and draft.y != result for draft in self.builder.operations
        ):
            raise UserError("model: its members answer before the last layer; let Members be the last one")

    def _parameter(self, name: str) -> View:
        if name not in self.parameters:
            raise UserError(
                f"model: {name} is a buffer, which portable numerics don't read; make it an nn.Parameter "
                "(requires_grad=False keeps it as it is), or set train.numerics: native"
            )
        return self.builder.parameter(name, tuple(self.parameters[name].shape))

    def _of_layer(self, node: fx.Node, arguments: Any, keywords: dict[str, Any]) -> Any:
        name = str(node.target)
        try:
            return rules.LAYERS[type(self.layers[name])](
                self.builder, name, self.layers[name], *arguments, **keywords
            )
        except Refused as reason:
            raise UserError(f"model layer {name}: {reason}") from None
        except TypeError:
            raise UserError(
                f"model layer {name}: is called with arguments that have no portable definition; give it "
                "its tensor alone, or set train.numerics: native"
            ) from None

    def _of_function(self, node: fx.Node, arguments: Any, keywords: dict[str, Any]) -> Any:
        function: Any = node.target
        views = [a for a in (*arguments, *keywords.values()) if _holds_view(a)]
        try:
            if function in PLAIN and not any(isinstance(a, View) for a in arguments):
                return function(*arguments)
            rule: Callable[..., Any] | None = (
                BY_NAME.get(str(function)) if node.op == "call_method" else FUNCTIONS.get(function)
            )
            if rule is not None and views:
                return rule(self.builder, *arguments, **keywords)
            reason = ""
        except Refused as refusal:
            reason = f" ({refusal})"
        except (TypeError, ValueError, AssertionError):  # other arguments than those that have a definition
            reason = " with these arguments"
        name = getattr(function, "__name__", str(function))
        shapes = ", ".join(str(view.row) for view in views if isinstance(view, View))
        raise UserError(
            f"model: {name} of {shapes or 'constants'} has no portable definition{reason}; "
            "use a layer or function of docs/arithmetic.md, or set train.numerics: native"
        )

    def _refuse_keywords(self, node: fx.Node) -> None:
        if not node.args or any(isinstance(value, fx.Node) for value in node.kwargs.values()):
            raise UserError(
                f"model: {node.target} takes its tensor by a keyword; give tensors by position, or set "
                "train.numerics: native"
            )

    def _refuse_lost_value(self, node: fx.Node) -> None:
        """Refuse a change in place of a value that is used again: the program keeps values as they were."""
        if node.op == "call_module":
            in_place = getattr(self.layers[str(node.target)], "inplace", False)
        else:
            name = getattr(node.target, "__name__", str(node.target))
            in_place = name.endswith("_") or name in ("iadd", "imul") or node.kwargs.get("inplace", False)
        changed = self.found.get(node.args[0]) if isinstance(node.args[0], fx.Node) else None
        if not in_place or not isinstance(changed, View):
            return
        for other, view in self.found.items():
            shares = isinstance(view, View) and view.source == changed.source
            if shares and any(self.places[user] > self.places[node] for user in other.users):
                raise UserError(
                    f"model: {node.target} changes a value in place that is used again; do without inplace, "
                    "or set train.numerics: native"
                )


def _holds_view(value: Any) -> bool:
    return isinstance(value, View) or (isinstance(value, list | tuple) and any(map(_holds_view, value)))
