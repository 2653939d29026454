"""The device, torch's switches, and which numerics the kernels compute."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reprise.arithmetic.runtime import choose_device, configure, uses_kernels
from reprise.foundation.errors import EnvironmentProblem

ROOT = Path(__file__).parents[1]
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("numerics", ["portable", "native"])
def test_configure_leaves_one_thread(numerics) -> None:
    torch.set_num_threads(2)
    configure("cpu", numerics)
    assert torch.get_num_threads() == 1


def test_the_kernels_compute_portable_numerics_on_the_cpu_alone() -> None:
    assert uses_kernels(CPU, "portable")
    assert not uses_kernels(CPU, "native")
    assert not uses_kernels(CUDA, "portable")


@pytest.mark.parametrize("variant", ["native", "portable"])
def test_kernels_are_looked_for_only_where_they_compute(variant, monkeypatch) -> None:
    """An unknown instruction set shows who looks."""
    monkeypatch.setenv("REPRISE_ISA", "mmx")
    code = f"from reprise.arithmetic.runtime import configure; configure('cpu', '{variant}')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (variant == "native")
    assert ("REPRISE_ISA: found 'mmx'" in done.stderr) == (variant == "portable")


CUDA_SWITCHES = """
import os, torch
from reprise.arithmetic.runtime import configure
configure("cuda", "portable")
print(os.environ["CUBLAS_WORKSPACE_CONFIG"], torch.are_deterministic_algorithms_enabled(),
      torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark,
      torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
configure("cuda", "portable", tf32=True)
print(torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
"""


def test_on_cuda_torch_is_told_to_be_deterministic() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CUDA_SWITCHES], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ":4096:8 True True False False False\nTrue True\n"


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_device(wanted, available, chosen, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert choose_device(wanted) == chosen


def test_cuda_that_is_not_there_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="--device cuda: torch sees no CUDA device here"):
        choose_device("cuda")
