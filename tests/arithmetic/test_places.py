"""Values that are needed at the same time never share memory: a run of random networks in labelled memory."""

from __future__ import annotations

from math import prod

from hypothesis import given, settings
from hypothesis import strategies as st
from networks import NETWORKS
from torch import nn

from reprise.arithmetic import places
from reprise.arithmetic.drafts import Draft, Kind
from reprise.arithmetic.network import Network, compile_network
from reprise.arithmetic.places import Places, Uses


@st.composite
def networks(draw: st.DrawFn) -> tuple[Network, set[str]]:
    """Return operations that take earlier values, every value being used, and what is trained."""
    count = draw(st.integers(1, 12))
    sizes = draw(st.lists(st.integers(1, 70), min_size=count + 1, max_size=count + 1))
    shapes = [(size,) for size in sizes]
    unused = {0}
    operations = []
    for number in range(1, count + 1):
        # Near the end values that nobody used yet come first, so that all lead to the result.
        choices = sorted(unused) if len(unused) > count - number else list(range(number))
        x = draw(st.sampled_from(choices))
        rest = sorted(unused - {x}) if len(unused - {x}) > count - number else [-1, *range(number)]
        x2 = draw(st.sampled_from(rest))
        kind = Kind.SUM if x2 >= 0 else Kind.LINEAR
        operations.append(Draft(kind, x, x2, number, weight=f"weight {number}" if x2 < 0 else ""))
        unused = (unused - {x, x2}) | {number}
    named = {draft.weight for draft in operations if draft.weight}
    return Network(nn.Identity(), shapes, operations), draw(st.sets(st.sampled_from([*named, "none"])))


class Memory:
    """Floats with the name of what was written there last."""

    def __init__(self, where: Places, network: Network) -> None:
        self.cells: dict[int, object] = {}
        self.where, self.network = where, network

    def span(self, kind: str, number: int) -> range:
        at = {"value": self.where.values, "gradient": self.where.gradients}[kind][number]
        assert at % places.APART == 0
        assert at + prod(self.network.shapes[number]) <= self.where.total
        return range(at, at + prod(self.network.shapes[number]))

    def write(self, kind: str, number: int) -> None:
        for cell in self.span(kind, number):
            self.cells[cell] = (kind, number)

    def read(self, kind: str, number: int) -> None:
        for cell in self.span(kind, number):
            assert self.cells.get(cell) == (kind, number), f"{kind} {number} was overwritten"

    def spare(self, floats: int) -> None:
        assert self.where.spare >= 0
        for cell in range(self.where.spare, self.where.spare + floats):
            assert cell < self.where.total
            self.cells[cell] = "spare"


def forwards(memory: Memory, operations: list[Draft]) -> None:
    memory.write("value", 0)
    for draft in operations:
        memory.write("value", draft.y)  # while its inputs are still being read
        for number in {draft.x, draft.x2} - {-1}:
            memory.read("value", number)
        memory.read("value", draft.y)


def backwards(memory: Memory, network: Network, found: Uses) -> None:
    """As backward() of program.c does: what is added to a gradient goes by way of the spare room."""
    written = {network.operations[-1].y}
    if written & found.wanted:
        memory.write("gradient", network.operations[-1].y)
    for draft in reversed(network.operations):
        if draft.y not in found.wanted:
            continue
        for number in {draft.x, draft.x2} - {-1} & found.wanted:
            if number in written:
                memory.spare(prod(network.shapes[number]))
                memory.read("gradient", number)
            else:
                memory.write("gradient", number)
                written.add(number)
        memory.read("gradient", draft.y)
        for number in {draft.x, draft.x2, draft.y} - {-1}:
            memory.read("value", number)


def run(network: Network, parameters: set[str]) -> None:
    found = places.uses(network, parameters)
    training = Memory(places.for_training(network, found), network)
    assert set(training.where.gradients) == found.wanted
    forwards(training, network.operations)
    backwards(training, network, found)
    outputs = Memory(places.for_outputs(network, found), network)
    forwards(outputs, network.operations)
    outputs.read("value", network.operations[-1].y)


@settings(max_examples=300, deadline=None)
@given(networks())
def test_nothing_is_overwritten_that_is_still_needed(made: tuple[Network, set[str]]) -> None:
    run(*made)


def test_nothing_is_overwritten_in_the_networks_of_the_other_tests() -> None:
    for make in NETWORKS.values():
        module, shape = make()
        names = {name.rpartition(".")[0] for name, _ in module.named_parameters()}
        run(compile_network(module, shape), names)


def test_memory_is_shared_where_it_can_be() -> None:
    """A chain's outputs need two values at a time, whatever its length."""
    operations = [Draft(Kind.LINEAR, number, -1, number + 1, layer="layer") for number in range(20)]
    network = Network(nn.Identity(), [(64,)] * 21, operations)
    found = places.uses(network, {"layer"})
    assert places.for_outputs(network, found).total <= 2 * 64 + places.APART
    training = places.for_training(network, found)
    assert training.spare == -1
    assert training.total < 30 * 64  # 21 values and as many gradients, of which two are needed at a time
