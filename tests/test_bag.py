"""A bag of networks: folds, the same bytes whoever trains them, resume, and one answer."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import rows_of, schema_of
from train_process import STEPS, Place, place_in, world

from reprise.model.bag import Bag, build_answering
from reprise.model.file import load_model
from reprise.model.inference import PortableProgram
from reprise.model.losses import class_probabilities
from reprise.model.tabular import observe
from reprise.model.tensors import Normaliser
from reprise.settings.params import Embedding, Mlp, Model, Tabm, Train
from reprise.training.bag import fold_numbers
from reprise.training.progress import mean_history

FOLDS = 3
ALL_STEPS = FOLDS * STEPS


@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.integers(2, 9), st.integers(0, 5))
def test_folds_are_even_in_all_and_in_every_class(classes: list[int], folds: int, seed: int) -> None:
    number = fold_numbers(torch.tensor(classes), folds, seed)
    sizes = np.bincount(number, minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for one in set(classes):
        inside = np.bincount(number[np.array(classes) == one], minlength=folds)
        assert inside.max() - inside.min() <= 1


def test_folds_of_values_are_random_and_a_function_of_the_seed() -> None:
    y = torch.arange(100.0)
    one, again, other = (fold_numbers(y, 5, seed) for seed in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).any()
    assert np.bincount(one).tolist() == [20] * 5


def test_the_history_is_the_networks_mean_as_long_as_they_run() -> None:
    def row(epoch: int, loss: float) -> dict[str, float | int | None]:
        figures = {"lr": 0.1, "train_loss": loss, "train_accuracy": None, "val_loss": 2 * loss}
        return {"epoch": epoch, "val_accuracy": None, **figures}

    found = mean_history([[row(1, 1.0), row(2, 3.0)], [row(1, 2.0)]])
    assert [(r["epoch"], r["train_loss"], r["val_loss"], r["val_accuracy"]) for r in found] == [
        (1, 1.5, 3.0, None), (2, 3.0, 6.0, None),
    ]  # fmt: skip


@pytest.fixture
def bagged(place: Place) -> Place:
    place.params(folds=FOLDS)
    return place


@pytest.fixture(scope="module")
def one_by_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one worker makes of the bag."""
    place = place_in(tmp_path_factory.mktemp("bag"))
    place.params(folds=FOLDS)
    assert place.train("--workers=1", steps=ALL_STEPS) == 0
    assert place.states() == []
    return place.outputs()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_that_share_the_folds_out_change_no_byte(
    workers: int, bagged: Place, one_by_one: dict[str, bytes]
) -> None:
    assert bagged.train(f"--workers={workers}", steps=ALL_STEPS) == 0
    assert bagged.outputs() == one_by_one


def test_ranks_change_no_byte(bagged: Place, one_by_one: dict[str, bytes]) -> None:
    processes = world(bagged, 2, steps=ALL_STEPS)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert bagged.outputs() == one_by_one


@pytest.mark.parametrize(
    ("at", "by"), [(4, signal.SIGKILL), (STEPS + 2, signal.SIGKILL), (13, signal.SIGTERM)]
)
def test_a_killed_bag_goes_on(at: int, by: int, bagged: Place, one_by_one: dict[str, bytes]) -> None:
    code = bagged.train("--workers=1", die_at=at, by=by, saves=True, steps=ALL_STEPS)
    assert code == (-signal.SIGKILL if by == signal.SIGKILL else 128 + by)
    assert bagged.outputs().keys() <= {"metrics/history.csv"}  # half grown, where the machine is slow
    assert bagged.train("--workers=2", steps=ALL_STEPS) == 0
    assert "resuming" in bagged.log
    assert bagged.outputs() == one_by_one
    assert bagged.states() == []


def test_the_model_file_holds_all_networks(bagged: Place) -> None:
    assert bagged.train(steps=ALL_STEPS) == 0
    module, card = load_model(bagged.folder / "models")
    assert isinstance(module, Bag)
    assert len(module.networks) == FOLDS
    assert json.loads((bagged.folder / "models" / "model.json").read_text())["train"]["folds"] == FOLDS
    rows = rows_of(card.data, 20)
    normal = rows.normalise(rows.x)
    each = torch.stack([class_probabilities(network(normal)) for network in module.networks])
    torch.testing.assert_close(class_probabilities(module(normal)), each.mean(0))
    answers = PortableProgram(module, card.data.shape).outputs(rows.x, rows.normalise)
    torch.testing.assert_close(class_probabilities(answers), each.mean(0), rtol=1e-4, atol=1e-5)
    first, second = (network.state_dict() for network in list(module.networks)[:2])
    assert not torch.equal(next(iter(first.values())), next(iter(second.values())))


@pytest.mark.parametrize("classes", [3, 2, 0])
@pytest.mark.parametrize("kind", ["mlp", "tabm"])
def test_members_of_members_answer_together(kind: str, classes: int) -> None:
    """A bag of ensembles: the mean of their means."""
    schema = schema_of((4,), classes, counts={"train": 60, "val": 0, "test": 0})
    tabm = Tabm(members=2, hidden=(5,), dropout=0.0, embedding=Embedding(bins=3, width=2))
    model = Model(
        kind=kind, outputs="single" if classes == 2 else "per_class", mlp=Mlp(hidden=(5,)), tabm=tabm
    )
    bag = build_answering(model, Train(folds=3), schema, 1).eval()
    rows = rows_of(schema, 60)
    observe(bag, rows.x, rows.y)
    answers = PortableProgram(bag, schema.shape).outputs(rows.x, Normaliser(None, None))
    torch.testing.assert_close(answers, bag(rows.x), rtol=1e-4, atol=1e-5)
    each = [network(rows.x) for network in bag.networks]
    if classes:
        expected = torch.stack(list(map(class_probabilities, each))).mean(0)
        torch.testing.assert_close(class_probabilities(answers), expected, rtol=1e-4, atol=1e-5)
    else:
        expected = torch.stack([one.clamp(rows.y.min(), rows.y.max()) for one in each]).mean(0)
        torch.testing.assert_close(answers, expected, rtol=1e-4, atol=1e-5)


def test_more_folds_than_rows_are_refused(place: Place) -> None:
    place.params(folds=67)
    assert place.train() == 2
    assert "train.folds: 67 folds of 66 rows; use at most as many as rows" in place.log
