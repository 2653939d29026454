"""Images per second of preparing a folder, side by side with bare Pillow loops over all cores.

``python benchmarks/images_prepare.py [--images N] [--pixels N] [--size N] [--rounds N]``

The loops open, convert, resize and keep the pixels, and do nothing else: one with a pool of threads, one
with a pool of processes that is already running. Preparing also lists, hashes, checks and writes. The
rounds are interleaved, so that a noisy machine disturbs all alike; the median is quoted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from reprise.foundation.workers import cores
from reprise.images.prepare import prepare_images
from reprise.settings.params import Images, Prepare

CLASSES = 10


def main() -> None:
    """Make the images, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--pixels", type=int, default=100, help="height and width of the files")
    parser.add_argument("--size", type=int, default=32, help="height and width of the result")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, get_context("forkserver").Pool(cores()) as processes:
        root, out = Path(name, "images"), Path(name, "prepared")
        files = make(root, args.images, args.pixels)
        params = Prepare(dataset="images", images=Images(path=str(root), pixels=args.size))
        one = partial(decode, size=args.size)
        threads = ThreadPoolExecutor(cores())
        variants: dict[str, Callable[[], object]] = {
            "bare loop, threads": lambda: np.stack(list(threads.map(one, files))),
            "bare loop, processes": lambda: np.stack(processes.map(one, files, chunksize=64)),
            "reprise prepare": lambda: prepare_images(params, out),
        }
        speeds: dict[str, list[float]] = {name: [] for name in variants}
        for round_number in range(args.rounds + 1):
            for variant, work in variants.items():
                start = time.perf_counter()
                work()
                if round_number > 0:  # the first one warms up
                    speeds[variant].append(len(files) / (time.perf_counter() - start))
        threads.shutdown()
    base = statistics.median(speeds["bare loop, threads"])
    print(
        f"{args.images} JPEGs of {args.pixels}x{args.pixels} to {args.size}x{args.size}, {cores()} cores: "
        f"images per second, median of {args.rounds} (min … max), ratio"
    )
    for variant, values in speeds.items():
        median = statistics.median(values)
        print(f"{variant:22} {median:8,.0f} ({min(values):,.0f} … {max(values):,.0f})  {median / base:5.2f}")


def decode(file: str, size: int) -> np.ndarray:
    """Return the pixels as a bare loop gets them."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def make(root: Path, count: int, pixels: int) -> list[str]:
    """Write JPEGs with the detail of photos; return their names."""
    generator = np.random.Generator(np.random.Philox(1))
    files = []
    for number in range(count):
        coarse = generator.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        smooth = Image.fromarray(coarse).resize((pixels, pixels), Image.Resampling.BICUBIC)
        noisy = np.asarray(smooth) + generator.normal(0, 6, (pixels, pixels, 1))
        file = root / f"class_{number % CLASSES}" / f"{number:06}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, quality=90)
        files.append(str(file))
    return files


if __name__ == "__main__":
    main()
