"""Kernels are compiled, or it is said why not; every target compiles; all instruction sets train alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from products import possible_isas

from reprise.arithmetic import build

ROOT = Path(__file__).parents[2]
WITHOUT_ZIG = """
import importlib.util, sys
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ziglang" else find_spec(name, *rest)
"""
CONFIGURE = """
from reprise.foundation.errors import exit_with
from reprise.arithmetic.runtime import configure
exit_with(lambda: configure("cpu", {numerics!r}))
"""
TRAIN = """
import hashlib
from reprise.settings.params import Cnn, Model, Train
from reprise.arithmetic.library import kernels
from reprise.training.canary import step_hash
from tiny import schema_of
cnn = Cnn(channels=(5, 7), strides=(2, 1), hidden=(9,), batch_norm=True, dropout=0.3)
train = Train(batch_size=24, slices=3, weight_decay=0.1, label_smoothing=0.1)
print(step_hash(Model(cnn=cnn), train, schema_of((3, 9, 11))))
print(step_hash(Model(kind="mlp"), train, schema_of((13,), 0)))
print(kernels().isa_name().decode())
"""


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REPRISE_")}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**kept, "PYTHONPATH": paths, **environment},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


# What can't be


def test_without_compiler_and_library_portable_numerics_are_refused_in_one_line(tmp_path: Path) -> None:
    hidden = {"REPRISE_KERNELS": str(tmp_path / "none"), "PATH": str(tmp_path)}
    done = python(WITHOUT_ZIG + CONFIGURE.format(numerics="portable"), **hidden)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("environment: there is no C compiler for the kernels; run make env")
    assert python(WITHOUT_ZIG + CONFIGURE.format(numerics="native"), **hidden).returncode == 0


def test_with_a_library_no_compiler_is_needed(tmp_path: Path) -> None:
    done = python(WITHOUT_ZIG + CONFIGURE.format(numerics="portable"), PATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_compiler_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    compiler = tmp_path / "bin" / "cc"
    compiler.write_text("#!/bin/sh\necho 'cc: error: no space left' >&2\nexit 1\n", encoding="utf-8")
    compiler.chmod(0o755)
    folder = tmp_path / "kernels"
    done = python(
        WITHOUT_ZIG + CONFIGURE.format(numerics="portable"),
        REPRISE_KERNELS=str(folder), PATH=f"{compiler.parent}:/bin:/usr/bin",
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("environment: the ")
    assert done.stderr.endswith(" kernels can't be compiled: cc: error: no space left\n")
    assert list(folder.iterdir()) == []


def test_a_library_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    for isa in build.ISAS[build.this_target().split("-")[0]]:
        build.library_path(isa, tmp_path).write_bytes(b"no library")
    done = python(CONFIGURE.format(numerics="portable"), REPRISE_KERNELS=str(tmp_path))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "can't be loaded" in done.stderr
    assert done.stderr.endswith("run make env\n")


def test_an_unknown_instruction_set_is_refused_with_those_that_can_be() -> None:
    done = python(CONFIGURE.format(numerics="portable"), REPRISE_ISA="sse9")
    assert done.returncode == 3
    able = ", ".join(possible_isas())
    assert done.stderr == f"REPRISE_ISA: found 'sse9'; this machine can do {able}\n"


# What is compiled


def test_the_fingerprint_is_that_of_the_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for source in build.sources():
        (tmp_path / source.name).write_bytes(source.read_bytes())
    plain = build.fingerprint.__wrapped__
    first = plain()
    monkeypatch.setattr(build, "SOURCES", tmp_path)
    assert plain() == first
    (tmp_path / "tile.c").write_text("int other;\n", encoding="utf-8")
    assert plain() != first
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-g"))
    assert plain() != first


TARGETS = [
    (isa, f"{machine}-{system}")
    for machine, isas in build.ISAS.items()
    for isa in isas
    for system in build.SUFFIXES
]
QUICK = {("neon", "aarch64-macos"), ("neon", "aarch64-linux")}  # Windows' C library is first compiled, too


@pytest.mark.parametrize(
    ("isa", "target"),
    [
        pytest.param(isa, target, marks=() if (isa, target) in QUICK else pytest.mark.proof)
        for isa, target in TARGETS
    ],
)
def test_every_target_compiles_without_a_warning(isa: str, target: str, tmp_path: Path) -> None:
    path = build.compile_library(isa, tmp_path, target, extra=("-Werror",))
    magic = {"linux": (b"\x7fELF",), "windows": (b"MZ",), "macos": (b"\xcf\xfa\xed\xfe",)}
    assert path.read_bytes().startswith(magic[target.split("-")[1]])
    assert [file.name for file in tmp_path.iterdir() if file.is_dir()] == []


# Whoever computes


@pytest.fixture(scope="module")
def trained() -> dict[str, list[str]]:
    """The hashes of small trainings, by the instruction set that was asked for."""
    done = {isa: python(TRAIN, REPRISE_ISA=isa) for isa in possible_isas()}
    assert all(process.returncode == 0 for process in done.values()), done
    return {isa: process.stdout.split() for isa, process in done.items()}


def test_every_instruction_set_trains_the_same_bytes(trained: dict[str, list[str]]) -> None:
    assert len({tuple(hashes[:2]) for hashes in trained.values()}) == 1


def test_the_one_that_was_asked_for_computes(trained: dict[str, list[str]]) -> None:
    assert {isa: lines[2] for isa, lines in trained.items()} == {isa: isa for isa in possible_isas()}


def test_without_asking_the_best_one_computes() -> None:
    assert python(TRAIN).stdout.split()[2] == possible_isas()[-1]
