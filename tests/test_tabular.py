"""Networks for tables beside scikit-learn, SciPy and plain torch."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from scipy.stats import norm
from tiny import rows_of, schema_of
from torch import Tensor, nn
from torch.nn import functional as F

from reprise.arithmetic.normal_scores import normal_scores
from reprise.arithmetic.table_layers import Answer, Members, Quantiles, evenly, score, spread_edges
from reprise.foundation.errors import UserError
from reprise.model.architectures import build
from reprise.model.inference import PortableProgram
from reprise.model.losses import class_probabilities
from reprise.model.tabular import NumberEmbedding, numbers, observe
from reprise.model.tensors import Normaliser
from reprise.prepared.schema import Schema, Statistics
from reprise.settings.params import Embedding, Mlp, Model, Tabm, Train
from reprise.training.by_kernels import KernelEngine
from reprise.training.by_torch import TorchEngine

AS_THEY_ARE = Normaliser(None, None)
# Without dropout, whose masks differ between torch and the kernels.
SMALL = Model(
    kind="tabm", tabm=Tabm(members=3, hidden=(6, 5), dropout=0.0, embedding=Embedding(bins=4, width=2))
)


def table(classes: int, columns: int = 5, rows: int = 120, **changes: object) -> Schema:
    return schema_of((columns,), classes, counts={"train": rows, "val": 0, "test": 0}, **changes)


def observed(schema: Schema, model: Model = SMALL, seed: int = 1) -> tuple[nn.Module, Tensor, Tensor]:
    rows = rows_of(schema, schema.counts["train"])
    module = build(model, schema, seed)
    observe(module, rows.x, rows.y)
    return module, rows.x, rows.y


@pytest.mark.parametrize("count", [1, 2, 3, 10, 33, 256])
def test_scores_are_scipys(count: int) -> None:
    np.testing.assert_allclose(
        normal_scores(count), norm.ppf((np.arange(count) + 0.5) / count), rtol=1e-6, atol=1e-7
    )


@pytest.mark.parametrize("decimals", [8, 1, 0])
def test_quantiles_are_numpys_and_scores_lie_between_theirs(decimals: int) -> None:
    rng = np.random.default_rng(1)
    x = np.round(rng.gamma(1.0, 2.0, 400), decimals).astype(np.float32)
    knots, scores = evenly(np.sort(x), 20), normal_scores(20)
    np.testing.assert_allclose(knots, np.quantile(x, np.linspace(0, 1, 20)), rtol=1e-6, atol=1e-6)
    new = np.sort(np.round(rng.gamma(1.0, 2.0, 200), decimals).astype(np.float32))
    found = score(new, knots, scores)
    assert (np.diff(found) >= 0).all()
    up, down = np.interp(new, knots, scores), -np.interp(-new, -knots[::-1], -scores[::-1])
    np.testing.assert_allclose(found, (up + down) / 2, atol=1e-5)  # of equal knots the mean of both ends


def test_edges_are_apart() -> None:
    mostly_one = np.sort(np.concatenate([np.zeros(90), np.linspace(0.001, 2.0, 10)])).astype(np.float32)
    edges = spread_edges(mostly_one, 16)
    steps = np.diff(edges)
    assert len(edges) == 17
    assert ((steps == 0) | (steps >= np.float32(0.02))).all()
    assert edges[0] == 0.0


def test_a_number_fills_its_bins_up_to_where_it_lies() -> None:
    layer = Quantiles((1,), knots=50, bins=4)
    x = np.stack([np.zeros(200), np.arange(200)], axis=1).astype(np.float32)
    layer.observe(x)
    told = layer(torch.from_numpy(x))[:, 0]
    assert torch.equal(told[0, 1:], torch.zeros(4))
    assert torch.equal(told[-1, 1:], torch.ones(4))
    assert (told[:, 0].diff() > 0).all()
    filled = told[:, 1:]
    assert ((filled[:, :-1] == 1.0) | (filled[:, 1:] == 0.0)).all()  # one bin after the other
    beyond = layer(torch.tensor([[0.0, -1e9], [0.0, 1e9]]))[:, 0]
    assert torch.equal(beyond, told[[0, -1]])


KINDS = [(3, "per_class"), (2, "per_class"), (2, "single"), (0, "per_class")]


@pytest.mark.parametrize(("classes", "outputs"), KINDS)
def test_the_kernels_agree_with_torch(classes: int, outputs: str) -> None:
    schema = table(classes)
    module, x, y = observed(schema, SMALL.model_copy(update={"outputs": outputs}))
    rows = rows_of(schema, len(y))
    train = Train(batch_size=len(y), label_smoothing=0.1 if classes else 0.0)
    double = copy.deepcopy(module).train()
    by_torch = TorchEngine(double, rows, train).slice(0, torch.arange(len(y)), None, len(y), (0, 0, 0))
    engine = KernelEngine(module.train(), rows, train, len(y))
    by_kernels = engine.slice(0, torch.arange(len(y)), None, len(y), (0, 0, 0))
    assert by_kernels.figures == pytest.approx(by_torch.figures, rel=1e-5)
    named = [name for name, parameter in double.named_parameters() if parameter.requires_grad]
    for name, gradient in zip(named, by_torch.gradients, strict=True):
        at = engine.packed.at[name]
        found = by_kernels.gradients[0][at : at + gradient.numel()].view_as(gradient)
        torch.testing.assert_close(found, gradient, rtol=1e-3, atol=2e-6)
    answers = PortableProgram(module.eval(), schema.shape).outputs(x, AS_THEY_ARE)
    torch.testing.assert_close(answers, double.eval()(x), rtol=1e-4, atol=1e-5)


def test_the_answer_is_the_mean_of_the_members() -> None:
    outputs = torch.randn(7, 3 * 4)
    members = Members(3, 4, Answer.CLASSES).eval()
    each = F.softmax(outputs.reshape(7, 3, 4), 2)
    torch.testing.assert_close(class_probabilities(members(outputs)), each.mean(1))
    members.weight.copy_(torch.tensor([0.5, 0.25, 0.25]))
    weighed = 0.5 * each[:, 0] + 0.25 * each[:, 1] + 0.25 * each[:, 2]
    torch.testing.assert_close(class_probabilities(members(outputs)), weighed)
    one = Members(3, 1, Answer.LOGITS).eval()
    logits = torch.randn(7, 3)
    torch.testing.assert_close(torch.sigmoid(one(logits))[:, 0], torch.sigmoid(logits).mean(1))
    values = Members(3, 1, Answer.VALUES).eval()
    values.range.copy_(torch.tensor([-0.5, 0.5]))
    torch.testing.assert_close(values(logits)[:, 0], logits.clamp(-0.5, 0.5).mean(1))
    assert values.train()(logits) is logits


def test_indicators_stay_as_they_are() -> None:
    schema = table(
        2,
        columns=6,
        inputs=Statistics(mean=(0.0, 3.0, 0.0, 0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0, 1.0, 2.0, 1.0)),
    )
    module, x, _ = observed(schema)
    assert numbers(schema) == (1, 4)
    embedding = module.get_submodule("embedding")
    assert isinstance(embedding, NumberEmbedding)
    assert embedding.width == 2 * 2 + 4
    torch.testing.assert_close(embedding(x)[:, 4:], x[:, [0, 2, 3, 5]])
    answers = PortableProgram(module.eval(), schema.shape).outputs(x, AS_THEY_ARE)
    torch.testing.assert_close(answers, module(x), rtol=1e-4, atol=1e-5)


def test_a_table_without_numbers_has_nothing_to_embed() -> None:
    schema = table(2, inputs=Statistics(mean=(0.0,) * 5, std=(1.0,) * 5))
    module, x, _ = observed(schema)
    answers = PortableProgram(module.eval(), schema.shape).outputs(x, AS_THEY_ARE)
    torch.testing.assert_close(answers, module(x), rtol=1e-4, atol=1e-5)


def test_members_begin_and_stay_apart() -> None:
    module, x, _ = observed(table(3))
    outputs = module.train()(x).detach().reshape(len(x), 3, 3)
    assert not torch.allclose(outputs[:, 0], outputs[:, 1], atol=1e-2)
    again, _, _ = observed(table(3))
    other, _, _ = observed(table(3), seed=2)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(module.layers[0].parameters()), next(other.layers[0].parameters()))


@pytest.mark.parametrize("classes", [3, 0])
def test_an_mlp_takes_numbers_by_their_quantiles_too(classes: int) -> None:
    schema = table(classes, inputs=Statistics(mean=(5.0, 5.0, 0.0, 5.0, 0.0), std=(2.0, 2.0, 1.0, 2.0, 1.0)))
    embedding = Embedding(bins=4, width=3)
    model = Model(kind="mlp", mlp=Mlp(hidden=(7,), embedding=embedding))
    module, x, _ = observed(schema, model)
    assert isinstance(module, nn.Sequential)
    assert isinstance(module[0], NumberEmbedding)
    assert module[1].in_features == 3 * 3 + 2  # three numbers, two indicators
    answers = PortableProgram(module.eval(), schema.shape).outputs(x, AS_THEY_ARE)
    torch.testing.assert_close(answers, module(x), rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match=r"model\.mlp\.embedding: is for tables, but the data is images"):
        build(model, schema_of((1, 8, 8)), 1)
