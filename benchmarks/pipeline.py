"""Time of compiling the kernels, of the main pipeline, a no-op beside DVC's own, of experiments, imports.

``python benchmarks/pipeline.py [--rounds N]``; works in a temporary clone of HEAD. Medians are quoted.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    **os.environ,
    "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    "DVC_NO_ANALYTICS": "1",
}
EMPTY = """stages:
  first:
    cmd: touch first
    outs: [first]
  second:
    cmd: touch second
    deps: [first]
    outs: [second]
  third:
    cmd: touch third
    deps: [second]
    outs: [third]
"""


def seconds(command: str, folder: Path) -> float:
    """Return how long a command took."""
    start = time.perf_counter()
    subprocess.run(command.split(), cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - start


def show(name: str, values: list[float]) -> float:
    """Print a figure and return its median."""
    median = statistics.median(values)
    print(f"{name:44} {median:7.2f} s  ({min(values):.2f} … {max(values):.2f})", flush=True)
    return median


def full_runs(project: Path, rounds: int) -> None:
    """Time ``dvc repro`` from nothing, and the stages alone."""
    subprocess.run(["dvc", "repro"], cwd=project, env=ENVIRONMENT, check=True, capture_output=True)
    show(
        "dvc repro --force, all three stages", [seconds("dvc repro --force", project) for _ in range(rounds)]
    )
    for stage in ("prepare", "train", "evaluate"):
        show(
            f"python -m stages.{stage}",
            [seconds(f"python -m stages.{stage}", project) for _ in range(rounds)],
        )


def no_ops(project: Path, empty: Path, rounds: int) -> None:
    """Time a repro that has nothing to do, interleaved with DVC's own on an empty pipeline."""
    (empty / "dvc.yaml").write_text(EMPTY)
    for command in ("git init -q", "dvc init -q", "dvc repro"):
        subprocess.run(command.split(), cwd=empty, env=ENVIRONMENT, check=True, capture_output=True)
    pairs = [(seconds("dvc repro", project), seconds("dvc repro", empty)) for _ in range(2 * rounds)]
    ours = show("no-op dvc repro, this project", [pair[0] for pair in pairs])
    dvc = show("no-op dvc repro, three empty stages", [pair[1] for pair in pairs])
    print(f"{'ratio of the medians':44} {ours / dvc:7.2f}")


def experiments(project: Path, rounds: int) -> None:
    """Time ``dvc exp run`` of another learning rate beside the stages that it runs, each of them alone."""
    added = []
    for number in range(rounds):
        whole = seconds(f"dvc exp run -S train.lr=0.00{number + 11}", project)
        stages = [seconds(f"python -m stages.{stage}", project) for stage in ("train", "evaluate")]
        added.append(whole - sum(stages))
        subprocess.run(["git", "checkout", "-q", "."], cwd=project, check=True)
    show("dvc exp run adds to train and evaluate", added)


def compiling(folder: Path, rounds: int) -> None:
    """Time the compile step of ``make env`` with empty caches, the compiler's own too."""
    values = []
    for number in range(rounds):
        place = folder / str(number)
        caches = {"ZIG_GLOBAL_CACHE_DIR": str(place / "global"), "ZIG_LOCAL_CACHE_DIR": str(place / "local")}
        command = [sys.executable, "-m", "reprise.arithmetic.build", "--folder", str(place / "kernels")]
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=ENVIRONMENT | caches, check=True, capture_output=True)
        values.append(time.perf_counter() - start)
    show("compiling the kernels, cold", values)


def imports(project: Path) -> None:
    """Print the seconds that each stage's imports take, and the largest packages among them."""
    for stage in ("prepare", "train", "evaluate"):
        done = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", f"stages.{stage}"],
            cwd=project, env=ENVIRONMENT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)", done.stderr)
        total = sum(int(own) for own, _, _, _ in rows) / 1e6
        named = {name: int(both) / 1e6 for _, both, _, name in rows if "." not in name}
        largest = sorted(named.items(), key=lambda item: -item[1])[:4]
        shown = ", ".join(f"{name} {both:.2f}" for name, both in largest)
        print(f"imports of {stage:33} {total:7.2f} s  (of it {shown})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        project, empty = Path(folder) / "project", Path(folder) / "empty"
        empty.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(project)], check=True)
        compiling(Path(folder) / "compiled", rounds)
        full_runs(project, rounds)
        no_ops(project, empty, rounds)
        experiments(project, rounds)
        imports(project)


if __name__ == "__main__":
    main()
