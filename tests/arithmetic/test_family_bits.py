"""The kernels that are not products: each instruction set gives the reference's bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from family_cases import FAMILIES
from family_library import Families, compile_families, compile_reference, prototypes, runnable

ROUNDS = 40


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Families:
    """The naive loops."""
    return Families(compile_reference(tmp_path_factory.mktemp("reference")))


@pytest.fixture(scope="module", params=runnable())
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Families:
    """The kernels for one instruction set of this machine."""
    folder: Path = tmp_path_factory.mktemp("kernels")
    return Families(compile_families(folder, request.param))


@pytest.mark.parametrize("family", FAMILIES)
def test_bits_are_the_references(family: str, kernels: Families, reference: Families) -> None:
    """Random shapes and values, -0, infinities, NaN and denormals among them."""
    rng = np.random.default_rng([len(family), ord(family[0])])
    for number in range(ROUNDS):
        for case in FAMILIES[family](rng):
            ours, expected = case.results(kernels), case.results(reference)
            for a, b in zip(ours, expected, strict=True):
                numbers = [x for x in case.arguments if isinstance(x, int | float)]
                assert a.tobytes() == b.tobytes(), f"{case.name}, round {number}: {numbers}"


def test_every_function_has_a_case() -> None:
    """No function of the header is forgotten."""
    rng = np.random.default_rng(0)
    called = {case.name for family in FAMILIES.values() for _ in range(20) for case in family(rng)}
    assert called == set(prototypes())
