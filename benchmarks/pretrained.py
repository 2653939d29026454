"""Speed of EfficientNet-Lite0's features on one core, beside PyTorch, from pictures or files.

``python benchmarks/pretrained.py [--rounds N] [--processor-time] [--folder PICTURES]``

All variants begin with the same 224 by 224 pixels as bytes and end with features; with ``--folder`` they
begin with files, which each decodes with Pillow. PyTorch runs as its users run it: eval, inference_mode,
the published layers, in NCHW and channels_last, in several batch sizes of which the fastest is quoted; and
once with the batch norms folded by hand, which is more than its users do. Each variant is a process of its
own with one thread; they take turns (see turns.py).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import turns
from turns import Variant

PICTURES = 32  # of a turn
SIZES = (1, 8, 32)
OURS = "portable, 1 worker"
KINDS = {"NCHW": "plain", "channels_last": "last", "channels_last and norms folded": "folded"}
ASKED = 3.0


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--processor-time", action="store_true")
    parser.add_argument("--folder", type=Path, help="of photographs, to decode them too")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.serve, args.folder, time.process_time if args.processor_time else time.perf_counter)
        return
    options = [*(["--processor-time"] if args.processor_time else [])]
    options += ["--folder", str(args.folder)] if args.folder else []
    named = {OURS: f"ours {PICTURES}"}
    named |= {f"PyTorch {name}, batch {n}": f"{kind} {n}" for name, kind in KINDS.items() for n in SIZES}
    variants = [
        Variant(name, [__file__, *options, "--serve", *words.split()], environment={"OMP_NUM_THREADS": "1"})
        for name, words in named.items()
    ]
    print(turns.machine())
    with turns.Turns(variants) as running:
        found = running.rounds(args.rounds)
    best = [
        max((v for v in found if v.startswith(f"PyTorch {name},")), key=lambda v: median(found[v]))
        for name in KINDS
    ]
    rows = [
        [name, turns.spread(found[name], ".1f"), f"{turns.ratio(found, OURS, name):.2f}"]
        for name in (OURS, *best)
    ]
    print(turns.table(["", "pictures/s", "portable is so many times as fast"], rows))
    print(f"asked: {ASKED} times PyTorch as its users run it")


def serve(words: list[str], folder: Path | None, clock: Callable[[], float]) -> None:
    """Print a figure, pictures per second, for each line that comes."""
    kind, size = words[0], int(words[1])
    read = reader(folder)
    compute = ours() if kind == "ours" else by_torch(kind, size)
    compute(read())
    print(turns.READY, flush=True)
    while input_line():
        start = clock()
        compute(read())
        print(PICTURES / (clock() - start), flush=True)


def input_line() -> str:
    """Return the next line, empty at the end."""
    try:
        return input()
    except EOFError:
        return ""


def reader(folder: Path | None) -> Callable[[], np.ndarray]:
    """Return what gives the pictures as bytes: made ones, or decoded each time."""
    made = np.random.default_rng(0).integers(0, 256, (PICTURES, 3, 224, 224), dtype=np.uint8)
    if folder is None:
        return lambda: made
    from reprise.images.decode import load_image

    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = [files[number % len(files)] for number in range(PICTURES)]
    return lambda: np.stack([load_image(path, size=224, mode="rgb") for path in chosen])


def _features(tune: str) -> object:
    from reprise.model.pretrained import PretrainedNetwork
    from reprise.model.published import weights_of
    from reprise.settings.params import Pretrained

    settings = Pretrained(tune=tune)
    network = PretrainedNetwork(settings, 2)
    network.take(settings, weights_of(settings))
    return network.eval().features


def ours() -> Callable[[np.ndarray], object]:
    """Return the kernels' features of stored pictures."""
    import torch

    from reprise.arithmetic.runtime import configure
    from reprise.model.inference import PortableProgram
    from reprise.model.tensors import Normaliser

    configure("cpu", "portable")
    program = PortableProgram(_features("head"), (3, 224, 224))
    return lambda x: program.outputs(torch.from_numpy(x), Normaliser(None, None))


def by_torch(kind: str, size: int) -> Callable[[np.ndarray], object]:
    """Return PyTorch's."""
    import torch

    torch.set_num_threads(1)
    order = torch.contiguous_format if kind == "plain" else torch.channels_last
    module = _features("head" if kind == "folded" else "all").to(memory_format=order)

    def compute(x: np.ndarray) -> object:
        with torch.inference_mode():
            parts = [part.to(torch.float32, memory_format=order) for part in torch.from_numpy(x).split(size)]
            return torch.cat([module(part) for part in parts])

    return compute


if __name__ == "__main__":
    main()
