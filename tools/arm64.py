"""Prepare an emulated ARM64 machine: a Python, its packages and the command line that starts it on x86-64.

``.venv/bin/python tools/arm64.py [FOLDER]`` fills FOLDER (build/arm64 by default; a minute, 900 MB) from this
machine's own Debian mirror and package index, without root and without touching the system, and prints how to
start a script there: `environment` and `command`. An emulated process can start no other emulated one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
DEFAULT = ROOT / "build" / "arm64"
EMULATOR = "qemu-aarch64-static"
# The interpreter with its whole standard library, and what compiled packages need.
DEBIAN = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
# What prepare, train and evaluate import, at the lock's versions; scikit-learn for its data sets alone.
LOCKED = (
    "annotated-types", "mpmath", "numpy", "pandas", "pillow", "pydantic", "pydantic-core", "python-dateutil",
    "ruamel-yaml", "safetensors", "scikit-learn", "six", "sympy", "tqdm", "typing-extensions",
    "typing-inspection",
)  # fmt: skip
# The last release for ARM64 that is not linked against 3 GB of CUDA, and its torchvision, for ResNet-18. The
# hashes are those of the wheels for Python 3.11 to 3.14.
TORCH_VERSION = "2.10.0"
TORCH = f"""torch=={TORCH_VERSION} \\
    --hash=sha256:3282d9febd1e4e476630a099692b44fdc214ee9bf8ee5377732d9d9dfe5712e4 \\
    --hash=sha256:5fd4117d89ffd47e3dcc71e71a22efac24828ad781c7e46aaaf56bf7f2796acf \\
    --hash=sha256:5c4d217b14741e40776dd7074d9006fd28b8a97ef5654db959d8635b2fe5f29b \\
    --hash=sha256:233aed0659a2503b831d8a67e9da66a62c996204c0bba4f4c442ccc0c68a3f60
torchvision==0.25.0 \\
    --hash=sha256:f49964f96644dbac2506dffe1a0a7ec0f2bf8cf7a588c3319fed26e6329ffdf3 \\
    --hash=sha256:b75deafa2dfea3e2c2a525559b04783515e3463f6e830cb71de0fb7ea36fe233 \\
    --hash=sha256:5f271136d2d2c0b7a24c5671795c6e4fd8da4e0ea98aeb1041f62bc04c4370ef \\
    --hash=sha256:0b5e7f50002a8145a98c5694a018e738c50e2972608310c7e88e1bd4c058f6ce
"""
TRIAL = "import pandas, pydantic, ruamel.yaml, safetensors.torch, torch, torchvision.models, tqdm"
# apt-get for another architecture, with lists and a cache of its own; it knows of no installed package.
APT = (
    "APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User=root", "Debug::NoLocking=1",
    "Acquire::Languages=none",
)  # fmt: skip


class Unavailable(Exception):
    """This machine can't emulate the other one; the text says why, and what would help."""


def why_not() -> str:
    """Return what is missing here, or nothing."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        return "ARM64 is emulated on Linux on x86-64 only"
    if shutil.which(EMULATOR) is None:
        return f"emulating ARM64 needs {EMULATOR} (Debian: apt-get install qemu-user-static)"
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        return "the emulated machine is unpacked from Debian's packages, with apt-get and dpkg-deb"
    return ""


def prepare(folder: Path) -> None:
    """Fill `folder`, unless it was filled from the same versions already.

    Raises
    ------
    Unavailable
        If a tool, a package or the network is missing.
    """
    if reason := why_not():
        raise Unavailable(reason)
    folder = folder.resolve()
    wanted, stamp = fingerprint(), folder / "made-from"
    if stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == wanted:
        return
    stamp.unlink(missing_ok=True)
    for part in ("apt", "debian", "site"):
        shutil.rmtree(folder / part, ignore_errors=True)
    unpack_debian(folder)
    install_packages(folder)
    # The first import also compiles the modules to bytecode, which takes as long as all the rest of it.
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    _run([*command(folder), "-c", TRIAL], "importing on the emulated machine", plain | environment(folder))
    stamp.write_text(wanted + "\n", encoding="utf-8")


def fingerprint() -> str:
    """Return the SHA-256 of everything that decides what is installed."""
    return hashlib.sha256(Path(__file__).read_bytes() + requirements().encode()).hexdigest()


def requirements() -> str:
    """Return the lock's lines for the packages, all with their hashes, and another torch than the lock's."""
    lock = LOCK.read_text(encoding="utf-8")
    blocks = re.findall(rf"^(?:{'|'.join(LOCKED)})==.*\n(?: .*\n)+", lock, re.MULTILINE)
    return "".join(blocks) + TORCH


def unpack_debian(folder: Path) -> None:
    """Fetch the packages and what they depend on, signatures checked, and unpack them without installing."""
    own = folder / "apt"
    for part in ("lists/partial", "archives/partial"):
        (own / part).mkdir(parents=True)
    (own / "status").touch()
    places = (f"Dir::State={own}", f"Dir::State::status={own / 'status'}", f"Dir::Cache={own}")
    apt = ["apt-get", "--quiet", "--yes", *(word for option in (*APT, *places) for word in ("-o", option))]
    _run([*apt, "update"], "fetching Debian's list of ARM64 packages")
    _run(
        [*apt, "install", "--no-install-recommends", "--download-only", *DEBIAN],
        "fetching Debian's ARM64 packages",
    )
    for package in sorted((own / "archives").glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(folder / "debian")], package.name)
    # From Debian 13 on, all lies below usr, and another package has the links.
    if not (folder / "debian" / "lib").exists():
        (folder / "debian" / "lib").symlink_to("usr/lib")
    shutil.rmtree(own)


def install_packages(folder: Path) -> None:
    """Unpack the wheels for the emulated Python."""
    wanted = folder / "requirements.txt"
    wanted.write_text(requirements(), encoding="utf-8")
    python = ["--python-platform", "aarch64-manylinux_2_28", "--python-version", interpreter(folder).name[6:]]
    where = ["--target", str(folder / "site"), "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    _run([*uv, *python, *where, "-r", str(wanted)], "fetching the ARM64 wheels")


def interpreter(folder: Path) -> Path:
    """Return the emulated Python, ``python3.11`` for example."""
    programs = folder / "debian" / "usr" / "bin"
    return programs / (programs / "python3").readlink().name


def command(folder: Path, cpu: str = "neoverse-n1") -> list[str]:
    """Return the start of a command line that runs a script on the emulated machine.

    `cpu` is one of ``qemu-aarch64-static -cpu help``; torch needs ARMv8.2. ``max`` has SVE too.
    """
    folder = folder.resolve()
    return [EMULATOR, "-cpu", cpu, "-L", str(folder / "debian"), str(interpreter(folder))]


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that the emulated Python needs: it finds its packages and this project."""
    return {"PYTHONPATH": os.pathsep.join((str(folder.resolve() / "site"), str(ROOT)))}


def _run(command: list[str], what: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or [f"exit {done.returncode}"]
        raise Unavailable(f"{what} failed: {said[-1]}")


def main() -> int:
    """Prepare the folder; return the exit code."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    try:
        prepare(folder)
    except Unavailable as problem:
        print(problem, file=sys.stderr)
        return 3
    variables = [f"{name}={value}" for name, value in environment(folder).items()]
    print(*variables, *command(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
