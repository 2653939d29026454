"""The device and torch's own switches, set once before any tensor is made."""

from __future__ import annotations

import os
from typing import Literal

import torch

from reprise.arithmetic import memory
from reprise.arithmetic.library import kernels
from reprise.foundation.errors import EnvironmentProblem

Numerics = Literal["portable", "native"]
Device = Literal["cpu", "cuda"]


def configure(device: Device, numerics: Numerics, *, tf32: bool = False) -> None:
    """Set torch's switches and load the kernels.

    One thread of torch's own: its kernels change their bits with the number, and the workers share the
    slices out instead.

    Raises
    ------
    EnvironmentProblem
        If portable numerics on a CPU have no kernels here.
    """
    torch.set_num_threads(1)
    if device == "cuda":
        # cuBLAS is deterministic with a fixed workspace only; it reads this when CUDA is first used.
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
        return
    memory.keep_freed_memory()
    if numerics == "portable":
        kernels()


def uses_kernels(device: torch.device, numerics: Numerics) -> bool:
    """Whether the kernels compute, and not torch."""
    return device.type == "cpu" and numerics == "portable"


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> Device:
    """Return the device to use; auto is CUDA when there is one.

    Raises
    ------
    EnvironmentProblem
        If CUDA was asked for and there is none.
    """
    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise EnvironmentProblem("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    return "cpu"
