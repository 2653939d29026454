"""The command line as people and shells meet it: completion, examples, --json, --quiet, no colours."""

from __future__ import annotations

import argparse
import json
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from trained import LEAVES, labels, table, write_model, write_prepared

from reprise import cli
from reprise.commands import doctor
from reprise.foundation.errors import EnvironmentProblem, RepriseError
from reprise.foundation.files import json_text, sha256_file
from reprise.verification.verify import Row

ROOT = Path(__file__).parents[1]
PARSER = cli.command_line(cli.COMMANDS)


def commands() -> dict[str, argparse.ArgumentParser]:
    (found,) = (action for action in PARSER._actions if action.nargs == argparse.PARSER)
    assert isinstance(found.choices, dict)
    return found.choices


def examples(name: str) -> list[str]:
    """Return the examples in a command's help, each as one line."""
    epilog = commands()[name].epilog or ""
    assert epilog.startswith("examples:\n")
    return re.sub(r"\\\n\s+", "", epilog).splitlines()[1:]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_examples_are_commands_that_are_understood(name: str) -> None:
    for line in examples(name):
        command = re.sub(r"   +\(.*\)$", "", line.strip())  # what it is for
        (words,) = [part for part in command.split(" | ") if part.startswith("reprise ")]
        arguments = shlex.split(re.sub(r" >\S+$", "", words))[1:]
        assert PARSER.parse_args(arguments).command == name


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    for action in commands()[name]._actions:
        assert action.help, action.option_strings or action.dest
        if action.default not in (None, False, argparse.SUPPRESS, []) and action.help is not None:
            assert "(default: " in action.help, action.option_strings


@pytest.fixture(scope="module")
def script() -> str:
    return subprocess.run(
        [sys.executable, "-m", "reprise.cli", "completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("reprise ver", ["verify"]),
        ("reprise verify --d", ["--dry"]),
        ("reprise verify i", ["iris"]),
        ("reprise report --recipe i", ["iris"]),
        ("reprise predict --format ", ["csv", "jsonl"]),
        ("reprise predict rows", ["rows.csv"]),
        ("reprise predict --model m", ["models"]),
        ("reprise completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes(line: str, found: list[str], script: str, tmp_path: Path) -> None:
    for name in ("models", "recipes"):
        (tmp_path / name).mkdir()
    for name in ("rows.csv", "recipes/iris.yaml", "recipes/dvc.yaml"):
        (tmp_path / name).touch()
    words = line.split(" ")
    ask = f"""
      COMP_WORDS=({" ".join(map(shlex.quote, words))}) COMP_CWORD={len(words) - 1}
      _shtab_reprise reprise {shlex.quote(words[-1])} {shlex.quote(words[-2])}
      printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script + ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == found


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_can_read_their_script(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    with script.open("w") as stream:
        subprocess.run([sys.executable, "-m", "reprise.cli", "completion", shell], stdout=stream, check=True)
    subprocess.run([shell, "-n", str(script)], check=True)


def stdout_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    cli.run(words)
    return capsys.readouterr().out


def test_inspect_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = write_prepared(tmp_path / "p", table(60), labels(60, 3), classes=LEAVES)
    card = write_model(tmp_path / "m", schema)
    told = stdout_of(["inspect", str(tmp_path / "m"), "--metrics", str(tmp_path / "none"), "--json"], capsys)
    found: dict[str, Any] = json.loads(told)
    assert told == json_text(found)
    assert found["files"]["model.json"] == sha256_file(tmp_path / "m/model.json")
    assert found["files"]["model.safetensors"] == card.weights_sha256
    assert (found["intact"], found["metrics"]) == (True, None)
    assert found["card"]["weights_sha256"] == card.weights_sha256
    assert sum(len(shape) for shape in found["tensors"].values()) > 0


def test_doctor_as_json_and_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = [doctor.Finding(True, "first"), doctor.Finding(None, "second"), doctor.Finding(False, "third")]
    monkeypatch.setattr(doctor, "CHECKS", [lambda: iter(findings)])
    with pytest.raises(EnvironmentProblem):
        cli.run(["doctor", "--json"])
    assert json.loads(capsys.readouterr().out) == [
        {"line": "first", "verdict": "ok"},
        {"line": "second", "verdict": "note"},
        {"line": "third", "verdict": "problem"},
    ]
    with pytest.raises(EnvironmentProblem):
        cli.run(["doctor", "--quiet"])
    assert capsys.readouterr().out == "PROBLEM third\n"
    monkeypatch.setattr(doctor, "CHECKS", [lambda: iter(findings[:2])])
    assert stdout_of(["doctor", "-q"], capsys) == ""


def test_verify_as_json_and_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [Row("main", "a", "same", "1234"), Row("main", "b", "differs", "why"), Row("iris", "c", "skipped")]
    monkeypatch.setattr("reprise.verification.verify.clone", lambda *_: None)
    monkeypatch.setattr("reprise.verification.verify.verify", lambda *_: iter(rows[:3]))
    monkeypatch.setattr("reprise.commands.verify.recorded_bar", lambda _: {"met": False, "told": "0.1 < 0.9"})
    rows.append(Row("main", "evaluate.bar", "failed", "0.1 < 0.9"))
    for options in (["--json"], ["--quiet"]):
        with pytest.raises(RepriseError, match=r"^verify: not reproduced: b, evaluate\.bar$"):
            cli.run(["verify", *options])
        told = capsys.readouterr().out
        if options == ["--json"]:
            counts = {"same": 1, "differs": 1, "failed": 1, "skipped": 1}
            assert told == json_text({**counts, "outputs": [row._asdict() for row in rows]})
        else:
            assert [line.split() for line in told.splitlines()] == [
                ["main", "b", "differs", "why"], ["iris", "c", "skipped"],
                ["main", "evaluate.bar", "failed", "0.1", "<", "0.9"],
            ]  # fmt: skip


def test_bar_as_json_and_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    told = stdout_of(["bar", "main", "--json"], capsys)
    details = json.loads((ROOT / "metrics/details.json").read_text(encoding="utf-8"))
    assert told == json_text({"main": details["bar"]})
    assert stdout_of(["bar", "main", "--quiet"], capsys) == ""


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}])
def test_nothing_is_coloured_even_on_a_terminal(variables: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-c", "from reprise.foundation.errors import exit_with, UserError\n"
         "from reprise.commands import doctor\nimport argparse\n"
         "doctor.CHECKS = (lambda: iter([doctor.Finding(False, 'wrong')]),)\n"
         "exit_with(lambda: doctor.run(argparse.Namespace(json=False, quiet=False)))"],
        stdout=theirs, stderr=theirs, env={**kept, "TERM": "xterm-256color", **variables}, check=False,
    )  # fmt: skip
    os.close(theirs)
    assert done.returncode == 3
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert shown.splitlines() == ["PROBLEM wrong", "doctor: 1 problem; what to do is said above"]
