"""Compile the kernels, once for each instruction set.

``python -m reprise.arithmetic.build`` is what ``make env`` runs. The libraries lie in the environment, in a
folder that is named after the SHA-256 of their sources, so that another version never meets wrong ones. A
wheel carries them.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reprise.foundation.errors import EnvironmentProblem, exit_with

SOURCES = Path(__file__).with_name("c")
CARRIED = SOURCES.parents[1] / "kernels"  # of a wheel
FOLDER_VARIABLE = "REPRISE_KERNELS"  # a folder with libraries to use instead
FLAGS = (
    "-std=c11", "-O3", "-g0", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-fPIC",
    "-Wall", "-Wextra",
)  # fmt: skip
LONGEST = "tile.c"  # takes half of the time for AVX-512, so it is compiled first, beside all others
# Instruction sets by machine, the most general first: how clang and gcc are asked for them.
ISAS: dict[str, dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "x86_64": {
        "baseline": (("-mcpu=x86_64",), ("-march=x86-64",)),
        "avx2": (("-mcpu=x86_64_v3",), ("-march=x86-64-v3",)),
        "avx512": (
            ("-mcpu=x86_64_v4", "-mprefer-vector-width=512"),
            ("-march=x86-64-v4", "-mprefer-vector-width=512"),
        ),
    },
    "aarch64": {"neon": ((), ())},
}
SUFFIXES = {"linux": ".so", "macos": ".dylib", "windows": ".dll"}


def this_target() -> str:
    """Return this machine as ``machine-system``, in the compiler's words."""
    machine = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    return f"{machine}-{ {'Darwin': 'macos', 'Windows': 'windows'}.get(platform.system(), 'linux') }"


def sources() -> list[Path]:
    """Return the C files and headers, in order of their names."""
    return sorted(path for path in SOURCES.iterdir() if path.suffix in (".c", ".h"))


@functools.cache
def fingerprint() -> str:
    """Return a short hash of everything that decides the libraries."""
    digest = hashlib.sha256(repr((FLAGS, ISAS)).encode())
    for path in sources():
        digest.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def library_folder() -> Path:
    """Return the folder for this version's libraries, inside the environment where that can be written."""
    if os.environ.get(FOLDER_VARIABLE):
        return Path(os.environ[FOLDER_VARIABLE])
    inside = Path(sys.prefix, "share", "reprise")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "reprise")
    writable = next((place for place in (inside, *inside.parents) if place.exists()), inside)
    return (inside if os.access(writable, os.W_OK) else user) / fingerprint()


def library_path(isa: str, folder: Path | None = None, target: str | None = None) -> Path:
    """Return where the library of an instruction set lies or would lie: in `folder`, if one is given."""
    name = f"{isa}{SUFFIXES[(target or this_target()).split('-')[1]]}"
    carried = CARRIED / fingerprint() / name
    if folder is None and not os.environ.get(FOLDER_VARIABLE) and carried.is_file():
        return carried
    return (folder or library_folder()) / name


def compile_library(isa: str, folder: Path, target: str | None = None, extra: tuple[str, ...] = ()) -> Path:
    """Compile one library; return its path.

    Parameters
    ----------
    isa : str
        A key of `ISAS` for the target's machine.
    folder : Path
        Gets the library, by a rename when it is complete.
    target : str, optional
        ``machine-system``; this machine by default. Another one needs ziglang.
    extra : tuple of str
        More words for the compiler.

    Raises
    ------
    EnvironmentProblem
        If there is no compiler or it fails.
    """
    target = target or this_target()
    path = library_path(isa, folder, target)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentProblem(
            f"environment: the kernels can't be stored ({error}); name a folder: {FOLDER_VARIABLE}=DIR"
        ) from None
    command = [*compiler(isa, target), *FLAGS, *extra]
    files = [file for file in sources() if file.suffix == ".c"]
    files.sort(key=lambda file: file.name != LONGEST)
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        made = Path(scratch, path.name)
        objects = [Path(scratch, f"{file.stem}.o") for file in files]
        list(pool.map(lambda file, to: run(isa, [*command, "-c", file, "-o", to]), files, objects))
        run(isa, [*command, *linking(target), *objects, "-o", made])
        made.replace(path)
    return path


def run(isa: str, command: list[str | Path]) -> None:
    """Run the compiler.

    Raises
    ------
    EnvironmentProblem
        If it fails, with its first error.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
        raise EnvironmentProblem(f"environment: the {isa} kernels can't be compiled: {reason}")


def linking(target: str) -> tuple[str, ...]:
    """Return the words for a shared library, complete but for the C library's functions.

    Without ziglang's own runtime where nothing needs it: building that first takes 4 seconds and more. The
    linker says so if a kernel ever does.
    """
    linux = target.endswith("linux") and has_ziglang()
    return ("-shared", "-rtlib=none", "-Wl,-z,defs") if linux else ("-shared",)


def compiler(isa: str, target: str) -> list[str]:
    """Return the beginning of the compiler's command line: ziglang's clang, else this machine's cc.

    Raises
    ------
    EnvironmentProblem
        If there is neither.
    """
    machine, system = target.split("-")
    clang, gcc = ISAS[machine][isa]
    if has_ziglang():
        full = {"linux": f"{machine}-linux-{_libc()}", "macos": f"{machine}-macos"}
        # An old glibc's symbols, so that the library loads on every Linux that torch runs on.
        return [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-target",
            full.get(system, f"{machine}-windows-gnu"),
            *clang,
        ]
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None or target != this_target():
        raise EnvironmentProblem(
            "environment: there is no C compiler for the kernels; run make env (or pip install ziglang)"
        )
    return [found, *gcc]


def has_ziglang() -> bool:
    """Return whether ziglang's clang is installed."""
    return importlib.util.find_spec("ziglang") is not None


def _libc() -> str:
    return "musl" if sys.platform == "linux" and platform.libc_ver()[0] not in ("glibc", "") else "gnu.2.17"


def ensure(isa: str) -> Path:
    """Return the library of an instruction set of this machine, compiled when it isn't there yet."""
    path = library_path(isa)
    return path if path.is_file() else compile_library(isa, library_folder())


def main() -> None:
    """Compile what is missing."""
    parser = argparse.ArgumentParser(prog="python -m reprise.arithmetic.build", description=__doc__)
    parser.add_argument("--target", default=this_target(), help="machine-system, for example aarch64-linux")
    parser.add_argument("--folder", type=Path, default=library_folder())
    args = parser.parse_args()
    machine = args.target.split("-")[0]
    if machine not in ISAS:
        raise EnvironmentProblem(
            f"environment: portable numerics are for {' and '.join(ISAS)}, not {machine}"
        )
    missing = [isa for isa in ISAS[machine] if not library_path(isa, args.folder, args.target).is_file()]
    if missing:
        print(f"kernels: compiling for {machine} ({', '.join(missing)})", flush=True)
    for isa in missing:
        compile_library(isa, args.folder, args.target)


if __name__ == "__main__":
    exit_with(main)
