"""Initial weights of one's own networks: torch's distributions, with the same bits everywhere."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exact_operations import guarded
from own_project import MADE, SCHEMA, TRANSFORMER, built, in_folder, network, write_own
from tiny import same_bits
from torch import Tensor, nn

from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.foundation.errors import UserError
from reprise.model.architectures import build
from reprise.model.draws import Draws, drawing
from reprise.own.errors import Refusal
from reprise.settings.params import Model


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)


def digest(module: nn.Module) -> str:
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in module.state_dict().values())).hexdigest()[
        :16
    ]


def test_initial_weights_are_bytes_that_everybody_gets() -> None:
    write_own(Path(), model=TRANSFORMER)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert digest(built()) == "53a3047bdd29e72e"
    assert torch.equal(torch.get_rng_state(), state)
    assert digest(built()) == digest(built(strict=False)) != digest(built(seed=2))


def test_making_them_takes_exact_operations_alone() -> None:
    write_own(Path(), model=TRANSFORMER)
    with guarded(MADE) as guard:
        built()
    assert guard.seen


@pytest.mark.parametrize(
    "draw",
    [
        lambda: nn.Linear(50, 80).weight,
        lambda: nn.Embedding(50, 80).weight,
        lambda: nn.init.kaiming_normal_(torch.empty(50, 80)),
        lambda: nn.init.trunc_normal_(torch.empty(50, 80), 0.1, 0.5, -0.4, 0.3),
        lambda: torch.rand(50, 80),
        lambda: torch.randn(50, 80) * 0.3 + 0.1,
        lambda: torch.rand_like(torch.empty(50, 80)),
        lambda: torch.randn_like(torch.empty(50, 80)),
        lambda: torch.randint(-3, 7, (50, 80)),
        lambda: torch.randint(7, (50, 80)),
        lambda: torch.empty(50, 80).bernoulli_(0.3),
        lambda: torch.randperm(4000),
    ],
)
def test_torchs_random_functions_keep_their_distributions(draw: Callable[[], Tensor]) -> None:
    """The oracle is torch itself: two samples of 4,000 differ by chance alone (Kolmogorov and Smirnov)."""
    torch.manual_seed(1)
    expected = draw().detach().double().numpy().ravel()
    with drawing(1, strict=True):
        found, other = draw(), draw()
    assert found.dtype == draw().dtype
    sample = found.detach().double().numpy().ravel()
    assert len(sample) == 4000
    assert not torch.equal(found, other)
    places = np.unique(np.concatenate([expected, sample]))
    below = [np.searchsorted(np.sort(rows), places, side="right") / 4000 for rows in (expected, sample)]
    assert np.abs(below[0] - below[1]).max() < 2.2 * math.sqrt(2 / 4000)  # beyond: one case in 10,000


def test_the_inverse_error_function_is_torchs_to_rounding() -> None:
    x = torch.linspace(-0.9999, 0.9999, 1001)
    with Draws(1, strict=True):
        found = torch.erfinv(x)
    assert torch.allclose(found, torch.erfinv(x), rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("layer.bias.data = torch.sin(torch.arange(3.0))", "sin"),
        ("layer.bias.data = torch.arange(3.0).exp()", "exp"),
        ("nn.init.orthogonal_(layer.weight)", "linalg_qr"),
        ("layer.weight.data.exponential_()", "exponential_"),
        ("layer.weight.data /= layer.weight.data.sum()", "sum"),
        ("layer.weight.data.add_(layer.weight.data, alpha=0.1)", "add_"),
    ],
)
def test_weights_that_processors_disagree_on_are_refused_by_line(line: str, name: str) -> None:
    write_own(Path(), model=network("layer", before=f"layer = nn.Linear(5, 3)\n{line}"))
    with pytest.raises(UserError, match=rf"^own/model\.py:8: torch's {name} has bits of its own on"):
        built()
    assert built(strict=False).state_dict().keys() == {"0.weight", "0.bias"}


def test_values_that_are_not_drawn_stay_as_they_were_set() -> None:
    before = "layer = nn.Linear(5, 3)\nnn.init.zeros_(layer.weight)\nlayer.bias.data = torch.arange(3) / 8"
    write_own(Path(), model=network("layer", before=before))
    (layer,) = built().children()
    assert isinstance(layer, nn.Linear)
    assert not layer.weight.any()
    assert layer.bias.tolist() == [0.0, 0.125, 0.25]


def test_refusals_are_errors_of_their_own() -> None:
    with Draws(1, strict=True), pytest.raises(Refusal):
        torch.ones(3).exp()


def test_dropout_and_batch_norm_become_those_of_slices() -> None:
    before = "norm = nn.BatchNorm2d(3, eps=0.1, momentum=0.5)\nnorm.bias.data += 1\n"
    before += "norm.weight.requires_grad_(False)"
    write_own(
        Path(), model=network("nn.Sequential(norm, nn.Sequential(nn.Dropout(0.3)), norm)", before=before)
    )
    module = built()
    first, inside, last = module
    assert isinstance(first, BatchNorm)
    assert first is last
    assert (first.eps, first.momentum, first.weight.requires_grad) == (0.1, 0.5, False)
    assert first.bias.tolist() == [1.0] * 3
    assert isinstance(inside[0], Dropout)
    assert inside[0].probability == 0.3


def test_build_finds_the_projects_code() -> None:
    write_own(Path(), model=network("nn.Linear(5, 3)"))
    module = build(Model(kind="own"), SCHEMA, 1)
    assert same_bits(module.state_dict(), built().state_dict())
