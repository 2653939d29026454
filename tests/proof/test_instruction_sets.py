"""The kernels of every instruction set that this machine has change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.arithmetic import build
from reprise.arithmetic.library import ISA_VARIABLE, chosen_isa

from .cases import CASES, SHORT
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
    fast = [isa for isa in able() if isa != "baseline"]
    row = Row(f"held to {', '.join(fast)}", MODELS, reference)
    for isa in fast:
        row.add(run_cases(tmp_path / isa, extra={ISA_VARIABLE: isa}))


@pytest.mark.proof
def test_baseline(tmp_path: Path) -> None:
    """Without fused multiply-adds in hardware a ResNet takes too long."""
    if "baseline" not in able():
        pytest.skip("the baseline is a library for x86-64")
    cases = {name: case for name, case in CASES.items() if name != "resnet18"}
    row = Row("held to baseline", ", ".join(cases), run_cases(tmp_path / "best", cases))
    row.add(run_cases(tmp_path / "baseline", cases, extra={ISA_VARIABLE: "baseline"}))
