"""Packed weights are never those of other parameters, whoever changed them; threads pack them together."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import torch
from networks import network
from tiny import same_bits
from torch import Tensor, nn

from reprise.arithmetic.parameters import Parameters
from reprise.model.inference import PortableProgram
from reprise.model.tensors import Rows
from reprise.settings.params import Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.optimizers import KernelOptimizer
from reprise.training.pool import Pool

NAMES = ["mlp tanh", "cnn with batch norm", "depthwise and group norm", "residual"]


def other_state(module: nn.Module) -> dict[str, Tensor]:
    return {name: 0.5 * tensor + 0.25 for name, tensor in module.state_dict().items()}


def load(module: nn.Module, _engine: KernelEngine) -> None:
    """What a resumed training and the best weights at the end do."""
    module.load_state_dict(other_state(module))


def update(_module: nn.Module, engine: KernelEngine) -> None:
    """What a step and the canary do."""
    gradient = torch.ones_like(engine.parameters[0])
    KernelOptimizer(engine, Train(), Pool(1)).step([[gradient]], 0.1)


def shared_update(_module: nn.Module, engine: KernelEngine) -> None:
    pool = Pool(3, shared_from=0)
    KernelOptimizer(engine, Train(), pool).step([[torch.ones_like(engine.parameters[0])]], 0.1)
    pool.close()


def torch_update(module: nn.Module, _engine: KernelEngine) -> None:
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.Adam(module.parameters(), 0.1).step()


def one_value(module: nn.Module, _engine: KernelEngine) -> None:
    with torch.no_grad():
        next(module.parameters()).view(-1)[0] += 1.0


def flat(_module: nn.Module, engine: KernelEngine) -> None:
    engine.packed.flat.mul_(0.5)


CHANGES = [load, update, shared_update, torch_update, one_value, flat]


def computed(engine: KernelEngine, data: Rows, slot: int = 0) -> dict[str, Tensor]:
    """A slice's gradients and both losses: trained and judged."""
    outcome = engine.slice(slot, torch.arange(len(data)), None, len(data), (0, 0, 0))
    figures = [*outcome.figures, *engine.judge(slot, data, 0, len(data))]
    return {"gradients": outcome.gradients[0].clone(), "figures": torch.tensor(figures, dtype=torch.float64)}


def fresh(module: nn.Module, data: Rows) -> KernelEngine:
    return KernelEngine(module, data, Train(batch_size=len(data)), len(data))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_training_and_judging_see_every_change(
    name: str, change: Callable[[nn.Module, KernelEngine], None]
) -> None:
    module, data = network(name)
    engine = fresh(module, data)
    before = computed(engine, data)
    computed(engine, data, slot=1)
    change(module, engine)
    after = computed(engine, data)
    assert not same_bits(after, before)
    assert same_bits(computed(engine, data, slot=1), after)
    assert same_bits(computed(fresh(module, data), data), after)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_for_inference_sees_every_change(name: str) -> None:
    module, data = network(name)
    module.eval()
    program = PortableProgram(module, tuple(data.x.shape[1:]))
    before = program.outputs(data.x, data.normalise)
    module.load_state_dict(other_state(module))
    after = program.outputs(data.x, data.normalise)
    anew = PortableProgram(module, tuple(data.x.shape[1:])).outputs(data.x, data.normalise)
    assert not torch.equal(after, before)
    assert torch.equal(after, anew)


def test_a_change_without_torch_has_to_be_counted_and_any_other_counts_itself() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    module[1].bias.requires_grad_(False)
    parameters = Parameters(module)
    seen = [parameters.version]
    for change in (
        parameters.changed,
        lambda: module.load_state_dict(module.state_dict()),
        lambda: parameters.flat.zero_(),
        lambda: module[1].bias.zero_(),
    ):
        assert parameters.version == seen[-1]
        with torch.no_grad():
            change()
        seen.append(parameters.version)
    assert seen == sorted(set(seen))


def test_threads_pack_together_what_one_packs_alone() -> None:
    """All at once, step after step: each weight is packed by one of them, and none computes before it is."""
    threads, steps = 3, 30
    engine = wide()
    gate = threading.Barrier(threads)
    found: list[list[Tensor]] = [[] for _ in range(threads)]

    def work(slot: int) -> None:
        for step in range(steps):
            if gate.wait() == 0:
                engine.packed.flat.mul_(0.99)
            gate.wait()
            found[slot].append(inputs_gradient(engine, slot, step))

    started = [threading.Thread(target=work, args=(slot,)) for slot in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    alone = wide()
    for step in range(steps):
        alone.packed.flat.mul_(0.99)
        expected = inputs_gradient(alone, 0, step)
        assert all(torch.equal(found[slot][step], expected) for slot in range(threads))


def wide() -> KernelEngine:
    """Weights that take many times as long to pack as a row takes to compute."""
    _, data = network("mlp tanh")
    layers = [nn.Linear(5, 800), *(nn.Linear(800, 800) for _ in range(2)), nn.Linear(800, 3)]
    for number, layer in enumerate(layers):
        torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(number))
        torch.nn.init.zeros_(layer.bias)
    return fresh(nn.Sequential(*layers), data)


def inputs_gradient(engine: KernelEngine, slot: int, step: int) -> Tensor:
    """The first layer's gradient, which depends on all that is packed."""
    outcome = engine.slice(slot, torch.arange(1), None, 1, (0, step, slot))
    return engine.packed.views(outcome.gradients[0])[0].clone()
