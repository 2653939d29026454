"""Run Python as if on another CPU: see `python` and `PROFILES`.

A compiled helper (cpuid.c) answers the `cpuid` instructions inside torch, oneDNN and MKL from a table, on any
x86-64 Linux with gcc and binutils. Only the CPU's description changes; the arithmetic stays this machine's.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import torch

from .profiles import NO_AVX2, PROFILES, table_text
from .sites import cpuid_sites

__all__ = ["PROFILES", "python", "why_not"]

HERE = Path(__file__).parent
# libtorch_cpu holds MKL, oneDNN and ATen; the others hold cpuinfo.
LIBRARIES = [
    Path(torch.__file__).parent / "lib" / name for name in ("libtorch_cpu.so", "libc10.so", "libtorch.so")
]


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fakecpu-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", folder / "cpuid.so", HERE / "cpuid.c"],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [f"{library.name} {address:x}" for library in LIBRARIES for address in cpuid_sites(library)]
    (folder / "sites.txt").write_text("\n".join(lines) + "\n")
    for name, profile in (PROFILES | {"no-avx2": NO_AVX2}).items():
        (folder / f"{name}.txt").write_text(table_text(profile))
    return folder


@cache
def why_not() -> str:
    """Why CPUs can't be faked here; empty when they can."""
    if sys.platform != "linux":
        return "faking a CPU needs Linux"
    missing = [tool for tool in ("gcc", "nm", "objdump") if shutil.which(tool) is None]
    if missing:
        return f"faking a CPU needs {' and '.join(missing)}"
    if absent := [library.name for library in LIBRARIES if not library.exists()]:
        return f"torch comes without {' and '.join(absent)}"
    probe = "import torch; print(torch.__config__.show())"
    try:
        shown = python(probe, "no-avx2")
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return f"a faked CPU did not start: {error}"
    return "" if "CPU capability usage: DEFAULT" in shown else "torch did not see the faked CPU"


def python(
    code: str, profile: str | None = None, *, extra: dict[str, str] | None = None, timeout: float = 300
) -> str:
    """Run Python code in a new process on the profile's CPU (None: the real one) and return what it prints.

    The process has the variables of `extra` on top of this one's; it can import the test modules.
    """
    environment = os.environ | {"PYTHONPATH": str(HERE.parent)} | (extra or {})
    if profile is not None:
        environment |= {
            "LD_AUDIT": str(_folder() / "cpuid.so"),
            "FAKECPU_SITES": str(_folder() / "sites.txt"),
            "FAKECPU_TABLE": str(_folder() / f"{profile}.txt"),
        }
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    if done.returncode:
        raise RuntimeError(f"on {profile or 'the real CPU'}: exit {done.returncode}\n{done.stderr}")
    return done.stdout
