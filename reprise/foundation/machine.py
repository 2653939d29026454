"""What tells this machine and its software from others: nothing of the moment or of paths."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

PACKAGES = (
    "reprise",
    "torch",
    "numpy",
    "pandas",
    "scikit-learn",
    "safetensors",
    "dvc",
    "matplotlib",
    "jinja2",
)
PROCESSORS = Path("/proc/cpuinfo")


def system() -> str:
    """Return the operating system and the architecture."""
    return f"{platform.system()} on {platform.machine()}"


def software() -> Iterator[tuple[str, str]]:
    """Yield names and versions of Python and of the packages that results are made with."""
    yield "Python", f"{platform.python_implementation()} {platform.python_version()}"
    for name in PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def processor() -> str:
    """Return what the processor calls itself; the architecture where it doesn't say."""
    if PROCESSORS.is_file():
        for line in PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    elif platform.system() == "Darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.strip():
            return done.stdout.strip()
    return platform.processor() or platform.machine()
