"""What the tests of the kernels share: the naive loops, compiled once."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import pytest
from products import possible_isas

from reprise.arithmetic import build


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The reference of linear layers and convolutions: one scalar at a time."""
    folder = tmp_path_factory.mktemp("reference")
    source = Path(__file__).with_name("reference_products.c")
    library = folder / "reference.so"
    command = [
        *build.compiler(possible_isas()[-1], build.this_target()),
        "-std=c11",
        "-O1",
        "-ffp-contract=off",
    ]
    command += ["-fno-math-errno", "-fPIC", "-shared", "-o", str(library), str(source)]
    subprocess.run(command, check=True, timeout=300)
    return ctypes.CDLL(str(library))
