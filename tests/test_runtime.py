"""The pinned settings: in place before torch loads, checked afterwards, refused where they can't hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from reprise.foundation.errors import EnvironmentProblem
from reprise.numerics import runtime
from reprise.numerics.runtime import LOCKED_TORCH, PORTABLE, UNWANTED, choose_device, configure, settings

ROOT = Path(__file__).parents[1]
POLLUTED = {
    **dict.fromkeys(UNWANTED, "AVX512"),
    "OMP_NUM_THREADS": "4",
    "MKL_NUM_THREADS": "2",
    "CUBLAS_WORKSPACE_CONFIG": ":16:8",
}
# Says when it starts, and prints what it ends up with.
PROGRAM = """
import json, os, sys
from reprise.numerics.runtime import pin
print("start", file=sys.stderr)
{before}
pin("{numerics}")
print(json.dumps([dict(os.environ), sys.argv[1:], "torch" in sys.modules]))
"""


def run(
    numerics: str, before: str = "", environment: dict[str, str] | None = None
) -> tuple[dict[str, str], list[str], bool, int]:
    """Pin in a new process; return its variables, arguments, whether torch is loaded, and its starts."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before, numerics=numerics), "an argument", "--flag=ü"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    variables, arguments, loaded = json.loads(done.stdout)
    return variables, arguments, loaded, done.stderr.count("start")


@pytest.mark.parametrize("numerics", ["portable", "native"])
@pytest.mark.parametrize("environment", [{}, POLLUTED], ids=["clean", "polluted"])
def test_pin_sets_what_is_wanted_and_removes_the_rest(numerics, environment) -> None:
    variables, _, loaded, starts = run(numerics, environment=environment)
    wanted = settings(numerics)
    assert {name: variables.get(name) for name in wanted} == wanted
    assert [name for name in UNWANTED if name in variables and name not in wanted] == []
    assert not loaded
    assert starts == 1


def test_pin_leaves_other_variables_alone() -> None:
    assert run("portable", environment={"REPRISE_TEST": "x"})[0]["REPRISE_TEST"] == "x"


LOADED = "sys.modules['torch'] = sys  # as if torch had been imported"


def test_a_program_that_loaded_torch_too_early_starts_anew_once() -> None:
    variables, arguments, _, starts = run("portable", LOADED, POLLUTED)
    assert starts == 2
    assert arguments == ["an argument", "--flag=ü"]
    assert {name: variables.get(name) for name in PORTABLE} == PORTABLE


def test_with_the_settings_in_place_nothing_starts_anew() -> None:
    assert run("portable", LOADED, settings("portable"))[3] == 1


def test_torch_obeys() -> None:
    assert torch.backends.cpu.get_cpu_capability() == "AVX2"
    assert torch.get_num_threads() == 1


def test_native_and_portable_differ_in_what_they_pin() -> None:
    assert set(settings("portable")) - set(settings("native")) == set(PORTABLE)
    assert settings("native")["OMP_NUM_THREADS"] == "1"


# The processor


@pytest.mark.parametrize(
    ("flags", "lacking"),
    [({"sse4_2", "avx"}, "AVX2 and FMA"), ({"avx2"}, "FMA"), ({"fma"}, "AVX2")],
)
def test_an_old_processor_is_refused_for_portable_numerics_only(flags, lacking, monkeypatch) -> None:
    monkeypatch.setattr(runtime, "processor_flags", lambda: frozenset(flags))
    monkeypatch.setattr(runtime.platform, "machine", lambda: "x86_64")
    with pytest.raises(EnvironmentProblem) as caught:
        runtime.pin("portable")
    assert caught.value.problems == (
        f"environment: this processor lacks {lacking}, so portable numerics would give other bytes; "
        "use a newer machine or set train.numerics: native",
    )
    assert caught.value.exit_code == 3
    # Native numerics ask nothing of the processor.
    before = dict(os.environ)
    monkeypatch.setattr(runtime.os, "execv", lambda *_: None)
    runtime.pin("native")
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("flags", [frozenset({"avx2", "fma"}), frozenset()], ids=["new", "unknown"])
def test_a_new_or_unknown_processor_is_accepted(flags, monkeypatch, capsys) -> None:
    monkeypatch.setattr(runtime, "processor_flags", lambda: flags)
    monkeypatch.setattr(runtime.platform, "machine", lambda: "x86_64")
    runtime.refuse_old_processor()
    assert capsys.readouterr() == ("", "")


def test_another_kind_of_processor_is_told_what_it_gets(monkeypatch, capsys) -> None:
    monkeypatch.setattr(runtime.platform, "machine", lambda: "aarch64")
    runtime.refuse_old_processor()
    assert capsys.readouterr().err.startswith(
        "note: this is a aarch64 machine; bytes are the same on machines"
    )


def test_flags_are_read_from_the_kernel(monkeypatch, tmp_path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor : 0\nvmx flags : ept\nflags\t\t: fpu avx2 fma\n\nflags\t\t: fpu\n")
    monkeypatch.setattr(runtime, "Path", lambda _path: info)
    assert runtime.processor_flags() == {"fpu", "avx2", "fma"}
    info.unlink()
    assert runtime.processor_flags() == frozenset()


# The packages


def test_the_locked_torch_is_the_one_of_the_lock() -> None:
    pins = re.findall(
        r"^torch==([^\s;]+)", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert pins
    assert {pin.split("+")[0] for pin in pins} == {LOCKED_TORCH}


def test_another_torch_is_refused_for_portable_numerics_only(monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch, "__version__", "2.11.0+cpu")
    with pytest.raises(EnvironmentProblem) as caught:
        configure("cpu", "portable")
    assert caught.value.problems == (
        f"environment: torch is 2.11.0, but the promise of equal bytes was proven with {LOCKED_TORCH}; "
        "run make env, or set train.numerics: native",
    )
    configure("cpu", "native")
    assert (
        capsys.readouterr().err == f"note: torch is 2.11.0, not the locked {LOCKED_TORCH}; bytes can differ\n"
    )


def test_a_local_build_of_the_locked_torch_is_the_locked_torch(monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch, "__version__", f"{LOCKED_TORCH}+cu130")
    configure("cpu", "portable")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("value", ["AVX2", None])
def test_configure_notices_a_missing_pin(value, monkeypatch) -> None:
    if value is None:
        monkeypatch.delenv("MKL_CBWR")
    else:
        monkeypatch.setenv("MKL_CBWR", value)
    with pytest.raises(
        EnvironmentProblem, match="MKL_CBWR must be COMPATIBLE before torch is loaded; call pin"
    ):
        configure("cpu", "portable")


def test_configure_leaves_one_thread() -> None:
    torch.set_num_threads(2)
    configure("cpu", "portable")
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("wanted", "available", "chosen"),
    [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_the_device(wanted, available, chosen, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert choose_device(wanted) == chosen


def test_cuda_that_is_not_there_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EnvironmentProblem, match="--device cuda: torch sees no CUDA device here"):
        choose_device("cuda")
