"""The train stage under PyTorch's launcher, in two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def torchrun_stage() -> str:
    """Run the stage on the current folder's params.yaml and prepared data; return what it printed."""
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "stages.train"]
    named = {"params": "params.yaml", "prepared": "prepared", "model": "models", "metrics": "metrics"}
    done = subprocess.run(
        [sys.executable, *command, *(f"--{key}={value}" for key, value in named.items())],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
