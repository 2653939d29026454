"""The kernels read and write nothing outside their arrays: these lie at the border of pages out of reach."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from products import possible_isas

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="mprotect is POSIX")


def run(isa: str, where: str, what: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests", HERE)))
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", str(HERE / "bounds_child.py"), isa, where, what],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": paths, "REPRISE_ISA": isa},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize("what", ["products", "families", "programs"])
@pytest.mark.parametrize("where", ["end", "start"])
@pytest.mark.parametrize("isa", possible_isas())
def test_nothing_outside_is_touched(isa: str, where: str, what: str) -> None:
    done = run(isa, where, what)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr[-3000:]


@pytest.mark.parametrize("where", ["end", "start"])
def test_a_step_outside_is_noticed(where: str) -> None:
    assert run(possible_isas()[0], where, "one too many").returncode in (-signal.SIGSEGV, -signal.SIGBUS)
