"""The settings under which torch gives the same bits on every x86-64-v3 machine.

`pin` must run before torch is imported: the libraries inside torch read their settings once, when they
are loaded. `configure` sets what torch itself lets a program choose, after the import.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Literal

from reprise.foundation.errors import EnvironmentProblem
from reprise.numerics import memory

Numerics = Literal["portable", "native"]
Device = Literal["cpu", "cuda"]

# The torch whose kernels the promise was proven with; requirements.lock pins the same (a test compares).
LOCKED_TORCH = "2.15.0"

# One intra-op thread: convolution gradients, matrix products and batch norm change with the number.
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
PORTABLE = {
    "ATEN_CPU_CAPABILITY": "avx2",  # ATen's own vectorised loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # oneDNN's convolutions and products
    "MKL_CBWR": "COMPATIBLE",  # MKL's products: the only path equal on Intel and AMD
    "OPENBLAS_CORETYPE": "Haswell",  # NumPy's and SciPy's products
}
CUDA = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8"}  # cuBLAS is deterministic with a fixed workspace only
# Variables that would change bits behind our back; removed unless the chosen settings name them.
UNWANTED = (
    "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE",
    "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_CPU_ISA_HINTS", "DNNL_CPU_ISA_HINTS", "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_DYNAMIC", "OMP_DYNAMIC", "OPENBLAS_CORETYPE",
    "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)  # fmt: skip


def settings(numerics: Numerics) -> dict[str, str]:
    """Return the environment variables that `numerics` stands for."""
    return {**THREADS, **CUDA, **(PORTABLE if numerics == "portable" else {})}


def pin(numerics: Numerics) -> None:
    """Put the settings into the environment; start the program anew when torch is loaded already.

    Parameters
    ----------
    numerics : {"portable", "native"}
        portable: the same bits on every x86-64-v3 machine. native: on this kind of machine only.

    Raises
    ------
    EnvironmentProblem
        If `numerics` is portable and this processor lacks AVX2 or FMA.
    """
    if numerics == "portable":
        refuse_old_processor()
    wanted = settings(numerics)
    changed = False
    for name in UNWANTED:
        if name not in wanted and os.environ.pop(name, None) is not None:
            changed = True
    for name, value in wanted.items():
        changed |= os.environ.get(name) != value
        os.environ[name] = value
    if changed and "torch" in sys.modules:
        # The libraries have read the old values; only a new process reads the new ones.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def refuse_old_processor() -> None:
    """Raise `EnvironmentProblem` on an x86-64 processor without AVX2 and FMA; say so on another kind."""
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        print(
            f"note: this is a {machine} machine; bytes are the same on machines of its kind only "
            "(the promise is for x86-64)",
            file=sys.stderr,
        )
        return
    flags = processor_flags()
    missing = [name for name in ("avx2", "fma") if flags and name not in flags]
    if missing:
        lacking = " and ".join(map(str.upper, missing))
        raise EnvironmentProblem(
            f"environment: this processor lacks {lacking}, so portable numerics would give other bytes; "
            "use a newer machine or set train.numerics: native"
        )


def processor_flags() -> frozenset[str]:
    """Return the processor's features as Linux names them; empty where they can't be read."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next(
        (frozenset(line.split(":", 1)[1].split()) for line in lines if line[:5] == "flags"), frozenset()
    )


def configure(device: Device, numerics: Numerics, *, tf32: bool = False) -> None:
    """Set torch's own switches; call it once, before any tensor is made.

    Raises
    ------
    EnvironmentProblem
        If portable numerics on the CPU meet another torch than the locked one, or if `pin` did not run.
    """
    import torch

    for name, value in settings(numerics).items():
        if os.environ.get(name) != value:
            raise EnvironmentProblem(f"environment: {name} must be {value} before torch is loaded; call pin")
    found = torch.__version__.split("+")[0]
    if found != LOCKED_TORCH:
        if device == "cpu" and numerics == "portable":
            raise EnvironmentProblem(
                f"environment: torch is {found}, but the promise of equal bytes was proven with "
                f"{LOCKED_TORCH}; run make env, or set train.numerics: native"
            )
        print(f"note: torch is {found}, not the locked {LOCKED_TORCH}; bytes can differ", file=sys.stderr)
    torch.set_num_threads(1)
    if device == "cuda":
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32
    else:
        memory.keep_freed_memory()
        _warm_up_vector_functions()


def choose_device(wanted: Literal["auto", "cpu", "cuda"]) -> Device:
    """Return the device to use; auto is CUDA when there is one.

    Raises
    ------
    EnvironmentProblem
        If CUDA was asked for and there is none.
    """
    import torch

    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise EnvironmentProblem("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
    return "cpu"


def _warm_up_vector_functions() -> None:
    # MKL's vector functions choose their code at the first call, and two threads may race for it.
    import torch

    values = torch.linspace(0.5, 1.5, 64)
    for function in (torch.exp, torch.log, torch.tanh, torch.sqrt, torch.erf, torch.sigmoid):
        function(values)
