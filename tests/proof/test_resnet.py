"""A model of eleven million parameters: workers, processes and instruction sets change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprise.arithmetic.library import ISA_VARIABLE

from .cases import RESNET
from .conftest import Row
from .runs import run_cases
from .test_instruction_sets import able
from .test_processes import in_processes

pytestmark = pytest.mark.proof


def test_workers_of_a_resnet(resnet_reference: Path, tmp_path: Path) -> None:
    row = Row("ResNet-18: workers 2, 3, 4", "resnet18", resnet_reference)
    for workers in (2, 3, 4):
        row.add(run_cases(tmp_path / str(workers), RESNET, workers=workers))


def test_processes_of_a_resnet(resnet_reference: Path, tmp_path: Path) -> None:
    row = Row("ResNet-18: torchrun, 2 and 3 processes", "resnet18", resnet_reference)
    for world in (2, 3):
        row.add(in_processes(tmp_path / str(world), RESNET, world))


def test_instruction_sets_of_a_resnet(resnet_reference: Path, tmp_path: Path) -> None:
    """The baseline, without fused multiply-adds in hardware, takes too long."""
    fast = [isa for isa in able() if isa != "baseline"]
    row = Row(f"ResNet-18 held to {', '.join(fast)}", "resnet18", resnet_reference)
    for isa in fast:
        row.add(run_cases(tmp_path / isa, RESNET, extra={ISA_VARIABLE: isa}))
