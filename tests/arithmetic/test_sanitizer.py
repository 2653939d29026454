"""The kernels under gcc's sanitizers: no byte outside an array, nothing undefined."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reprise.arithmetic import build

CHILD = Path(__file__).with_name("sanitizer_child.py")
FLAGS = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def runtime(gcc: str) -> str:
    """Return the sanitizer's library, which has to be loaded before Python allocates anything."""
    shown = subprocess.run([gcc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return shown.stdout.strip()


@pytest.mark.proof
@pytest.mark.parametrize("isa", ["avx2", "avx512"])
def test_kernels_stay_inside(isa: str, tmp_path: Path) -> None:
    gcc = shutil.which("gcc")
    if gcc is None or build.this_target() != "x86_64-linux":
        pytest.skip("needs gcc with its sanitizers, on x86-64 Linux")
    library = tmp_path / "kernels.so"
    files = [str(path) for path in build.sources() if path.suffix == ".c"]
    flags = [flag for flag in build.FLAGS if flag not in ("-O3", "-g0")]
    subprocess.run(
        [gcc, *build.ISAS["x86_64"][isa][1], *flags, *FLAGS, "-shared", "-o", str(library), *files],
        check=True,
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime(gcc),
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": os.pathsep.join([str(Path.cwd()), str(CHILD.parent)]),
    }
    done = subprocess.run(
        [sys.executable, str(CHILD), str(library)],
        env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-3000:]
