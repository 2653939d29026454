"""Errors: lines on standard error, no traceback, and the exit code that belongs to them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reprise.foundation.errors import (
    EnvironmentProblem,
    Interrupted,
    RepriseError,
    UserError,
    exit_with,
    nearest,
)

ROOT = Path(__file__).parents[1]


def outcome(raised: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    def main() -> None:
        if raised is not None:
            raise raised

    with pytest.raises(SystemExit) as caught:
        exit_with(main)
    out, err = capsys.readouterr()
    assert out == ""
    return caught.value.code, err


@pytest.mark.parametrize(
    ("raised", "code", "lines"),
    [
        (None, 0, ""),
        (UserError("first: wrong", "second: wrong"), 2, "first: wrong\nsecond: wrong\n"),
        (EnvironmentProblem("torch: too old"), 3, "torch: too old\n"),
        (Interrupted(signal.SIGTERM, "stopped"), 143, "stopped\n"),
        (Interrupted(signal.SIGINT, "stopped"), 130, "stopped\n"),
        (RepriseError("a known failure"), 1, "a known failure\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_exit_codes(raised, code, lines, capsys) -> None:
    assert outcome(raised, capsys) == (code, lines)


def test_a_bug_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        exit_with(main)


def test_an_error_prints_as_its_problems() -> None:
    assert str(UserError("a", "b")) == "a\nb"
    assert UserError("a", "b").problems == ("a", "b")


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = """
from reprise.foundation.errors import exit_with
def main():
    for _ in range(100_000):
        print("a line of output")
exit_with(main)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=30) == 141


def test_lines_survive_a_terminal_without_unicode() -> None:
    program = """
from reprise.foundation.errors import UserError, exit_with
def main():
    raise UserError("lr: must be \\u2265 0; found \\ud800")
exit_with(main)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii:backslashreplace", "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, b"lr: must be \\u2265 0; found \\ud800\n")


def test_nearest() -> None:
    assert nearest("patiense", ["patience", "epochs"]) == "patience"
    assert nearest("zzz", ["patience", "epochs"]) is None
    assert nearest("", []) is None
