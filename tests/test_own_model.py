"""Networks of one's own: initial weights with the same bits everywhere, and a dry step before training."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exact_operations import guarded
from own_project import HEAD, in_folder, network, write_own
from project_copy import ROOT
from test_guard import COUNTS
from test_guard import write_prepared as write_rows
from tiny import same_bits, schema_of
from torch import Tensor, nn

from reprise.arithmetic.layers import BatchNorm, Dropout
from reprise.foundation.errors import UserError
from reprise.model.architectures import build
from reprise.model.draws import Draws, drawing
from reprise.model.file import load_model
from reprise.model.own import build_own
from reprise.own.code import project_code
from reprise.own.errors import Refusal
from reprise.settings.params import Evaluate, Model, Params, Prepare, Train
from reprise.training import canary
from reprise.training import run as training
from reprise.training.run import Places, run

SCHEMA = schema_of((5,))
# What making weights takes beside what training does: shapes, and one rounding a value.
MADE = {"aten.reshape.default", "aten.mul_.Scalar", "aten.clamp_.default"}
TRANSFORMER = f"""{HEAD}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.1, activation="gelu", batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.weight, self.bias = nn.Parameter(torch.randn(5, 8)), nn.Parameter(torch.zeros(5, 8))
        self.table, self.head = nn.Embedding(4, 8), nn.Linear(8, 3)
        nn.init.trunc_normal_(self.weight, std=0.02)
        nn.init.xavier_normal_(self.head.weight)

    def forward(self, x):
        known = (x * 0.25 + 1.0).long()
        return self.head(self.blocks(x.unsqueeze(-1) * self.weight + self.bias + self.table(known)).mean(1))


def build(schema):
    return Net()
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)


def built(seed: int = 1, *, strict: bool = True, **settings: object) -> nn.Module:
    return build_own(settings, SCHEMA, seed, project_code(), strict=strict)


def digest(module: nn.Module) -> str:
    return hashlib.sha256(b"".join(t.numpy().tobytes() for t in module.state_dict().values())).hexdigest()[
        :16
    ]


# Initial weights


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


# The dry step


def trained(task: str = "classes", own: dict | None = None, **train: object) -> bytes:
    """Train on made rows; return the weights' bytes."""
    if not Path("prepared").exists():
        write_rows(task, Path("prepared"))
    params = Params(
        prepare=Prepare(dataset="own"),
        model=Model(kind="own", own=own or {}),
        train=Train(**{"epochs": 2, "batch_size": 13, "slices": 2, **train}),
        evaluate=Evaluate(),
    )
    run(params, Places(Path("prepared"), Path("models"), Path("metrics")), "cpu", 2)
    return Path("models/model.safetensors").read_bytes()


def test_a_transformer_of_ones_own_is_trained_by_exact_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    write_own(Path(), model=TRANSFORMER)
    once = trained()
    # The dry step computes by torch what is not written anywhere.
    monkeypatch.setattr(training, "rehearse", lambda *_: None)
    with guarded(MADE):
        assert trained() == once
    module, card = load_model(Path("models"))
    assert list(card.own or {}) == ["model.py"]
    assert not same_bits(module.state_dict(), built().state_dict())
    assert sum(COUNTS.values()) == sum(card.data.counts.values())


OWN_FORWARD = f"""{HEAD}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(5, 3)

    def forward(self, x):
        FORWARD
        return self.last(x)


def build(schema):
    return Net()
"""
REFUSED = {
    "shape": (
        network("nn.Linear(5, 7)"),
        "own/model.py: the network of build(schema, **settings) gives torch.float32 (2, 7) for 2 rows of "
        "(5,); it must be torch.float32 (2, 3): rows, and outputs one for each class",
    ),
    "no module": (
        network("None"), "own/model.py: build(schema, **settings) must return an nn.Module, not None"
    ),
    "no weights": (
        network("nn.Identity()"), "own/model.py: the network of build(schema, **settings) has no weights"
    ),
    "double": (
        network("nn.Linear(5, 3).double()"), "own/model.py: 0.weight is torch.float64; only torch.float32 is"
    ),
    "lazy": (
        network("nn.LazyLinear(3)"), "own/model.py: weight has no size yet; give its layer the number of in"
    ),
    "random": (
        "import random\n"
        + network("layer", before="layer = nn.Linear(5, 3)\nlayer.bias.data += random.random()"),
        "own/model.py: build(schema, **settings) gives another 0.bias each time it is called; draw random "
        "numbers with torch alone, whose numbers follow from train.seed here",
    ),
    "error in forward": (OWN_FORWARD.replace("FORWARD", "x = x[:, :4]"), "own/model.py:12: RuntimeError: "),
    "error in a library's layer": (network("nn.Linear(4, 3)"), "own/model.py: forward: RuntimeError: "),
    "branch": (
        OWN_FORWARD.replace("FORWARD", "x = x * 2 if x.mean() > 0 else x"),
        "model: its code can't be followed in portable numerics (TraceError: ",
    ),
    "layer": (
        network("nn.Sequential(nn.Linear(5, 3), nn.Softplus())"),
        "model layer 1: nn.Softplus is none of BatchNorm, ",
    ),
    "function": (
        OWN_FORWARD.replace("FORWARD", "x = F.softplus(x)"),
        "model: softplus of (5,) has no portable definition; use a layer or function of docs/arithmetic.md, "
        "or set train.numerics: native",
    ),
    "setting": (
        network("nn.Linear(5, 3)", arguments=", width=3"),
        "model.own.wdth: no setting of own/model.py: build(schema, **settings); did you mean "
        "model.own.width?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(name: str) -> None:
    text, problem = REFUSED[name]
    write_own(Path(), model=text)
    with pytest.raises(UserError) as caught:
        trained(own={"wdth": 4} if name == "setting" else None)
    assert str(caught.value).startswith(problem)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in Path().iterdir()) == ["own", "prepared"]


def test_a_refused_layer_names_the_nearest_that_is_defined() -> None:
    write_own(Path(), model=REFUSED["layer"][0])
    with pytest.raises(UserError, match=r"; the nearest is nn\.SiLU; use another layer or train\.numerics"):
        trained()


def test_native_takes_what_portable_refuses() -> None:
    for name in ("layer", "function", "branch"):
        write_own(Path(), model=REFUSED[name][0])
        trained(numerics="native", epochs=1)
    write_own(Path(), model=network("nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 3))"))
    with pytest.raises(UserError, match=r"^model layer 0: nn\.BatchNorm1d keeps statistics of its own"):
        trained(numerics="native")


@pytest.mark.parametrize("drop", ["F.dropout(x, 0.4, self.training)", "x * (torch.rand_like(x) + 0.5)"])
def test_native_draws_of_torch_are_the_same_however_many_threads(drop: str) -> None:
    write_own(Path(), model=OWN_FORWARD.replace("FORWARD", f"x = {drop}"))
    found = set()
    for state in (1, 2):
        torch.manual_seed(state)
        found.add(trained(numerics="native", slices=4))
    assert len(found) == 1
    assert trained(numerics="native", slices=4, seed=2) not in found


def test_an_index_error_in_native_training_is_a_line_with_its_place() -> None:
    body = "x = x + nn.functional.embedding((x * 100).long().abs(), self.last.weight[:1]).mean(-1)"
    write_own(Path(), model=OWN_FORWARD.replace("FORWARD", body))
    with pytest.raises(UserError, match=r"^own/model\.py:11: IndexError: index out of range in self$"):
        trained(numerics="native")


# Where the code counts


def test_the_code_decides_the_fingerprint_and_the_canary() -> None:
    write_own(Path(), model=network("nn.Linear(5, 3)"))
    write_rows("classes", Path("prepared"))
    model, train = Model(kind="own"), Train()
    params = Params(prepare=Prepare(), model=model, train=train, evaluate=Evaluate())

    def names() -> tuple[str, str]:
        return training.state_name(params, Path("prepared"), "cpu"), canary.key(model, train, SCHEMA)

    before = names()
    assert names() == before
    Path("own/model.py").write_text(network("nn.Linear(5, 3)") + "# a remark\n")
    assert all(one != other for one, other in zip(names(), before, strict=True))
    assert canary.step_hash(model, train, SCHEMA) == canary.step_hash(model, train, SCHEMA)


def test_a_bag_of_own_networks_is_one_model_file() -> None:
    write_own(Path(), model=network("nn.Linear(5, len(schema.classes) or 1)"))
    once = trained(folds=3)
    module, card = load_model(Path("models"))
    assert len(list(module.networks)) == 3
    assert list(card.own or {}) == ["model.py"]
    assert trained(folds=3, slices=2) == once


def test_the_network_of_the_readme_is_trained() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").split("## Your own model\n")[1]
    write_own(Path(), model=section.split("```python\n")[1].split("```")[0])
    assert "own: {width: 32}" in section
    trained(own={"width": 32})
    assert load_model(Path("models"))[0][1].out_features == 32


def test_build_finds_the_projects_code() -> None:
    write_own(Path(), model=network("nn.Linear(5, 3)"))
    module = build(Model(kind="own"), SCHEMA, 1)
    assert same_bits(module.state_dict(), built().state_dict())
