"""Solutions of linear models: the same bits from every instruction set, today and on every machine."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from products import possible_isas

from reprise.arithmetic import library, linear_solver
from reprise.arithmetic.linear_solver import LinearProblem, solve
from reprise.foundation import seeds

# One for each loss; whoever changes a definition in docs/arithmetic.md changes these too.
EXPECTED = {
    "cross-entropy": "fd79040b894020b0",
    "binary cross-entropy": "69db6452e341c591",
    "squared error": "612fcdd7dcd02b61",
}
OUTPUTS = {"cross-entropy": 4, "binary cross-entropy": 1, "squared error": 1}


def solution_hash(name: str) -> str:
    """Return a hash of the weights for made-up rows, with a penalty and without."""
    loss, rows, columns = list(EXPECTED).index(name), 150, 37
    x = (4.0 * seeds.uniform(rows * columns, 1, "x") - 2.0).astype(np.float32).reshape(rows, columns)
    y = seeds.uniform(rows, 1, "y").astype(np.float32)
    if name != "squared error":
        y = seeds.integers(rows, max(2, OUTPUTS[name]), 1, "y")  # type: ignore[assignment]
    problem = LinearProblem(x, y, loss, OUTPUTS[name], 0.1 if loss < 2 else 0.0)
    digest = hashlib.sha256()
    for decay in (0.3, 0.0):
        digest.update(solve(problem, decay).weights.tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("isa", possible_isas())
def test_a_solution_has_the_same_bits_everywhere(
    isa: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_solver, "kernels", lambda: library.load(isa))
    assert solution_hash(name) == EXPECTED[name]


def test_a_bad_start_changes_nothing_but_the_last_digits() -> None:
    """The loss is convex, and steps that are too long are cut."""
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((80, 3)).astype(np.float32), rng.integers(0, 3, 80)
    problem = LinearProblem(x, y, 0, 3, 0.0)
    best = solve(problem, 0.01).weights
    for scale in (1.0, 30.0):
        start = scale * rng.standard_normal(best.shape)
        start -= start.mean(0)  # all classes alike can't be told from none
        assert solve(problem, 0.01, start).weights == pytest.approx(best, abs=1e-7)
