"""Networks of one's own: a dry step before any training, then a training like any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from exact_operations import guarded
from own_project import HEAD, MADE, SCHEMA, TRANSFORMER, built, in_folder, network, write_own
from project_copy import ROOT
from test_guard import COUNTS
from test_guard import write_prepared as write_rows
from tiny import same_bits

from reprise.foundation.errors import UserError
from reprise.model.file import load_model
from reprise.settings.params import Evaluate, Model, Params, Prepare, Train
from reprise.training import canary
from reprise.training import run as training
from reprise.training.run import Places, run


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_folder(tmp_path, monkeypatch)


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
        "own/model.py:11: its code can't be followed in portable numerics (TraceError: ",
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
    trained("images", own={"width": 32})
    assert load_model(Path("models"))[0][0].out_channels == 32
