"""The kernels of every instruction set that this machine has change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.arithmetic import build
from reprise.arithmetic.library import ISA_VARIABLE, chosen_isa

from .cases import SHORT
from .conftest import MODELS, Row
from .runs import run_cases


def able() -> list[str]:
    """Return the instruction sets that this machine can run."""
    known = list(build.ISAS[build.this_target().split("-")[0]])
    return known[: known.index(chosen_isa()) + 1]


def test_the_most_general_one_in_short(short_reference: Path, tmp_path: Path) -> None:
    isa = able()[0]
    row = Row(f"held to {isa} (in short)", "cnn_norm", short_reference)
    row.add(run_cases(tmp_path, SHORT, extra={ISA_VARIABLE: isa}))


@pytest.mark.proof
def test_instruction_sets(reference: Path, tmp_path: Path) -> None:
    row = Row(f"held to {', '.join(able())}", MODELS, reference)
    for isa in able():
        row.add(run_cases(tmp_path / isa, extra={ISA_VARIABLE: isa}))
