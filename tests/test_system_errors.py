"""What the system refuses becomes one line with an exit code; what is a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from reprise.foundation.errors import exit_with
from reprise.foundation.files import write_bytes
from reprise.foundation.system_errors import refusal

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [
        (errno.ENOSPC, 3, "a/b: no space left on its disk; free some"),
        (errno.EDQUOT, 3, "a/b: your quota on its disk is used up"),
        (errno.EFBIG, 3, "a/b: would be larger than files may be here"),
        (errno.EROFS, 3, "a/b: is on a read-only disk"),
        (errno.EACCES, 3, "a/b: you have no permission"),
        (errno.EPERM, 3, "a/b: the system does not permit it"),
        (errno.EBUSY, 3, "a/b: is in use, or a disk is mounted there"),
        (errno.EMFILE, 3, "a/b: too many files are open"),
        (errno.EISDIR, 2, "a/b: is a folder, where a file is needed"),
        (errno.EEXIST, 2, "a/b: a file or a dead link stands where a folder is needed"),
        (errno.ENAMETOOLONG, 2, "a/b: the name is too long"),
    ],
)
@pytest.mark.parametrize("name", ["a/b", "a/b.tmp-123", "a.tmp-old-123/b.tmp-45", Path("a/b"), b"a/b"])
def test_errors_of_files(number: int, code: int, line: str, name: str | Path | bytes) -> None:
    refused = refusal(OSError(number, os.strerror(number), name))
    assert refused is not None
    assert refused.exit_code == code
    assert refused.line.startswith(line)
    assert "\n" not in refused.line


def test_a_file_of_this_folder_is_told_from_here_on() -> None:
    refused = refusal(OSError(errno.EROFS, "", str(Path.cwd() / "models" / "x")))
    assert refused is not None
    assert refused.line.startswith(f"models{os.sep}x: ")


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError(), FileNotFoundError(errno.ENOENT, "", "x"), OSError("own"), RuntimeError("x")],
)
def test_a_bug_is_none(error: Exception) -> None:
    assert refusal(error) is None


def test_memory_that_can_not_be_had() -> None:
    for allocate in (lambda: np.empty(2**60, np.uint8), lambda: torch.empty(2**50), lambda: "x" * 2**60):
        with pytest.raises((MemoryError, RuntimeError)) as caught:
            allocate()
        refused = refusal(caught.value)
        assert refused is not None
        assert refused.exit_code == 3
        assert refused.line.startswith("out of memory")
    told = refusal(np._core._exceptions._ArrayMemoryError((2**40,), np.dtype(np.uint8)))  # type: ignore[attr-defined] # numpy's own
    assert told is not None
    assert told.line.startswith("out of memory: 1.00 TiB could not be had; ")


def test_a_limit_of_the_size_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(SystemExit) as caught:
            exit_with(lambda: write_bytes(path, bytes(2000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.code == 3
    assert capsys.readouterr().err.startswith(f"{path}: would be larger than files may be here; ")
    assert [name.name for name in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


PRINTS = """
from reprise.foundation.errors import exit_with
import sys
exit_with(lambda: print("für jeden", *sys.argv[1:]))
"""


def printed(where: str, **environment: str) -> tuple[int, bytes]:
    """Run a program that prints a line, with a shell's redirection; return its exit code and its output."""
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {where}', sys.executable, PRINTS],
        cwd=ROOT, capture_output=True, env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_output_that_nobody_takes() -> None:
    said = b"standard output: no space left on its disk; free some, then run the same command again\n"
    assert printed(">/dev/full") == (3, said)
    assert printed(">&-") == (0, b"")
    assert printed("2>&- >/dev/full") == (3, b"")
    assert printed("| true; exit 0") == (0, b"")


def test_output_that_has_no_umlauts() -> None:
    assert printed("", PYTHONIOENCODING="ascii") == (0, b"f\\xfcr jeden\n")


ENDLESS = """
import sys, time
from pathlib import Path
from reprise.foundation.errors import exit_with
from reprise.foundation.files import replacing
def main():
    with replacing(Path(sys.argv[1])) as stream:
        stream.write(b"half")
        stream.flush()
        print("ready", flush=True)
        time.sleep(60)
exit_with(main)
"""


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "ended by SIGTERM"),
        (signal.SIGHUP, "ended by SIGHUP"),
    ],
)
def test_a_signal_leaves_nothing_half_written(number: signal.Signals, said: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(tmp_path / "file")],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (128 + number, f"{said}\n")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_a_stage_is_loading_has_no_traceback(tmp_path: Path) -> None:
    # A module of that name is found first, and waits.
    (tmp_path / "numpy.py").write_text("print('loading', flush=True)\nimport time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "stages.prepare"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (-signal.SIGINT, "interrupted\n")
