"""Other CPUs change nothing: faked ones by what CPUID says, emulated ones by their arithmetic too."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import fakecpu
import pytest
from numpy._core._multiarray_umath import __cpu_dispatch__ as numpy_paths

from .cases import CASES, SMALL, Section, with_changes, write_cases
from .conftest import MODELS, Row
from .runs import CHILD, TIMEOUT, run_cases, words

BRANDS = list(fakecpu.PROFILES)
# glibc and NumPy ask the CPU for themselves, before or beside the libraries that are faked; they have
# settings of their own for it.
AVX2_PATHS = ("X86_V3", "AVX2", "FMA3")
OLD_GLIBC = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ"
LIBRARY_PATHS = {
    "without AVX-512": {
        "GLIBC_TUNABLES": OLD_GLIBC,
        "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in numpy_paths if name not in AVX2_PATHS),
    },
    "without AVX2 and FMA": {
        "GLIBC_TUNABLES": f"{OLD_GLIBC},-AVX2,-FMA,-FMA4",
        "NPY_DISABLE_CPU_FEATURES": " ".join(numpy_paths),
    },
}


def on_a_cpu(folder: Path, profile: str, cases: dict[str, Section]) -> Path:
    """Run all stages of the cases on a faked CPU."""
    if reason := fakecpu.why_not():
        pytest.skip(reason)
    write_cases(folder, cases)
    start = f"runpy.run_path({str(CHILD)!r}, None, '__main__')"
    code = f"import runpy, sys; sys.argv = {words(folder, cases)!r}; {start}"
    fakecpu.python(code, profile, extra={"REPRISE_STATE": str(folder / ".state")}, timeout=TIMEOUT)
    return folder


@pytest.mark.proof
def test_faked_cpus(reference: Path, tmp_path: Path) -> None:
    row = Row(f"faked CPUs: {', '.join(BRANDS)}", MODELS, reference)
    for name in BRANDS:
        row.add(on_a_cpu(tmp_path / name, name, CASES))


@pytest.mark.proof
@pytest.mark.parametrize("paths", LIBRARY_PATHS)
def test_paths_of_numpy_and_glibc(reference: Path, tmp_path: Path, paths: str) -> None:
    """prepare and evaluate live on these two."""
    row = Row(f"NumPy's and glibc's code {paths}", MODELS, reference)
    row.add(run_cases(tmp_path, extra=LIBRARY_PATHS[paths]))


@pytest.mark.proof
@pytest.mark.parametrize("core", ["Nehalem", "Zen", "SkylakeX"])
def test_openblas_cores(reference: Path, tmp_path: Path, core: str) -> None:
    row = Row(f"OpenBLAS for {core}, wanted by the environment", MODELS, reference)
    row.add(run_cases(tmp_path, extra={"OPENBLAS_CORETYPE": core, "OPENBLAS_NUM_THREADS": "2"}))


@pytest.fixture(scope="module")
def small_reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_cases(tmp_path_factory.mktemp("small"), small_cases())


def small_cases() -> dict[str, Section]:
    return {name: with_changes(case, SMALL) for name, case in CASES.items()}


# qemu 7.2 computes NumPy's AVX2 argsort of float32 wrongly (its result is not sorted; on CPUs it is).
EMULATED = {"NPY_DISABLE_CPU_FEATURES": LIBRARY_PATHS["without AVX2 and FMA"]["NPY_DISABLE_CPU_FEATURES"]}


@pytest.mark.proof
@pytest.mark.parametrize("cpu", ["Nehalem", "Haswell", "EPYC-Rome"])
def test_emulated_cpu(small_reference: Path, tmp_path: Path, cpu: str) -> None:
    emulator = shutil.which("qemu-x86_64-static")
    if emulator is None:
        pytest.skip("emulating a CPU needs qemu-x86_64-static (Debian: apt-get install qemu-user-static)")
    row = Row(f"emulated {cpu} (qemu; fewer rows, 1 epoch)", MODELS, small_reference)
    command = [emulator, "-cpu", cpu, sys.executable]
    row.add(run_cases(tmp_path, small_cases(), launcher=command, extra=EMULATED))
