"""Permutation importance: against its definition, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from trained import images, labels, table, write_model, write_prepared

from reprise.evaluation.importance import BUDGET, OVERHEAD, Group, importance_table, plan, raw_columns
from reprise.foundation.seeds import permutation
from reprise.model.inference import inference_of, load_inference
from reprise.model.tensors import unscale_target
from reprise.prepared.schema import Statistics
from reprise.prepared.shards import read_split


def made(tmp_path, columns=4, workers=1, **prepared):
    """Return (schema, test rows, inference) of an untrained model."""
    classes = prepared.get("classes")
    y = labels(240, 3) if classes else table(240, 1, seed=5)[:, 0]
    schema = write_prepared(tmp_path / "prepared", table(240, columns), y, test=100, **prepared)
    write_model(tmp_path / "model", schema)
    rows = read_split(tmp_path / "prepared", schema, "test")
    return schema, rows, load_inference(tmp_path / "model", "cpu", workers)


def test_importance_of_classes_is_the_definition(tmp_path):
    schema, rows, inference = made(tmp_path, classes=("a", "b", "c"))
    found = {row[0]: row[1:] for row in importance_table(schema, rows.x, rows.y, inference, 7).rows}

    def fit(x):
        outputs = torch.cat(list(inference.outputs([x])))
        chances = torch.softmax(outputs.double(), dim=1).numpy()
        return log_loss(rows.y, chances, labels=[0, 1, 2]), accuracy_score(rows.y, chances.argmax(axis=1))

    kept = np.sort(permutation(100, 7, "importance rows"))
    assert (kept == np.arange(100)).all()
    loss, accuracy = fit(rows.x)
    for place, name in enumerate(schema.columns):
        losses, falls = [], []
        for repeat in range(5):
            changed = rows.x.copy()
            changed[:, place] = changed[permutation(100, 7, "importance", name, repeat), place]
            other_loss, other_accuracy = fit(changed)
            losses.append(other_loss - loss)
            falls.append(accuracy - other_accuracy)
        expected = (np.mean(losses), np.std(losses), np.mean(falls), np.std(falls), 100, 5)
        assert found[name] == pytest.approx(expected, abs=1e-6)
    ranked = [row[1] for row in found.items()]
    assert ranked == sorted(ranked, key=lambda row: -row[0])


def test_a_column_that_a_regression_ignores_has_none(tmp_path):
    schema, rows, inference = made(tmp_path, target_scale=Statistics(mean=(2.0,), std=(3.0,)))
    with torch.no_grad():
        first = next(module for module in inference.module.modules() if isinstance(module, torch.nn.Linear))
        first.weight[:, 2] = 0.0
    inference = load_like(inference)
    found = {row[0]: row[1:] for row in importance_table(schema, rows.x, rows.y, inference, 7).rows}
    assert found["column 2"] == (0.0, 0.0, 0.0, 0.0, 100, 5)
    assert found["column 1"][0] != 0.0

    def rmse(x):
        outputs = torch.cat(list(inference.outputs([x])))[:, 0]
        return root_mean_squared_error(rows.y, unscale_target(outputs, schema.target_scale).numpy())

    rises = []
    for repeat in range(5):
        changed = rows.x.copy()
        changed[:, 1] = changed[permutation(100, 7, "importance", "column 1", repeat), 1]
        rises.append(rmse(changed) - rmse(rows.x))
    assert found["column 1"][2:4] == pytest.approx((np.mean(rises), np.std(rises)), rel=1e-4)


def load_like(inference):
    """Return an inference of the same module, its weights packed anew."""
    return inference_of(inference.module, inference.card, "cpu", inference.workers)


def test_workers_change_nothing(tmp_path):
    tables = []
    for workers in (1, 3):
        schema, rows, inference = made(tmp_path / str(workers), workers=workers, classes=("a", "b", "c"))
        tables.append(importance_table(schema, rows.x, rows.y, inference, 7))
    assert tables[0] == tables[1]


def test_features_of_a_raw_column_are_permuted_together(tmp_path):
    schema, rows, inference = made(tmp_path, columns=6, classes=("a", "b", "c"))
    columns = [{"name": name} for name in ("age", "unused", "kind")]
    encoded = schema.model_copy(update={"encoder": {"columns": columns}, "encoder_widths": (2, 0, 4)})
    assert raw_columns(encoded) == [Group("age", 0, 2), Group("kind", 2, 6)]
    found = importance_table(encoded, rows.x, rows.y, inference, 7).rows
    assert {row[0] for row in found} == {"age", "kind"}
    # All features are one column's: permuting it permutes the outputs.
    whole = schema.model_copy(update={"encoder": {"columns": [{"name": "all"}]}, "encoder_widths": (6,)})
    (row,) = importance_table(whole, rows.x, rows.y, inference, 7).rows
    chances = inference.exact_probabilities(torch.cat(list(inference.outputs([rows.x]))))
    orders = (permutation(100, 7, "importance", "all", repeat) for repeat in range(5))
    losses = [log_loss(rows.y, chances[order], labels=[0, 1, 2]) for order in orders]
    assert row[1] == pytest.approx(np.mean(losses) - log_loss(rows.y, chances, labels=[0, 1, 2]))


def test_images_have_a_header_alone(tmp_path):
    x = images(40, (1, 6, 6))
    schema = write_prepared(tmp_path / "prepared", x, labels(40, 3), classes=("a", "b", "c"))
    write_model(tmp_path / "model", schema)
    rows = read_split(tmp_path / "prepared", schema, "test")
    table = importance_table(schema, rows.x, rows.y, load_inference(tmp_path / "model", "cpu"), 7)
    assert table.rows == []
    assert table.header[:2] == ("column", "loss_rise")


@pytest.mark.parametrize("columns", [1, 20, 50, 500, 20_000])
@pytest.mark.parametrize("rows", [1, 80, 600, 10_000, 1_000_000])
@pytest.mark.parametrize("weights", [10, 5_000, 100_000, 3_000_000])
def test_the_plan_stays_within_its_budget_or_at_its_least(columns, rows, weights):
    chosen = plan(columns, rows, columns, weights)
    assert 1 <= chosen.rows <= rows
    assert 1 <= chosen.repeats <= 5
    assert 1 <= chosen.columns <= columns
    cost = chosen.rows * chosen.repeats * chosen.columns * (weights + columns + OVERHEAD)
    least = chosen.rows <= 100 and chosen.repeats == 1 and chosen.columns <= 50
    assert cost <= BUDGET or least
    if chosen.repeats < 5:  # for then 5 of 500 rows would be too much
        assert columns * 5 * min(rows, 500) * (weights + columns + OVERHEAD) > BUDGET
    if chosen.columns < columns:
        assert chosen.rows <= 100
