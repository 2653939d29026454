"""Single layers in GFLOP/s on one thread: each instruction set beside torch, and the share of a core's peak.

``python benchmarks/kernels.py [--layers PART] [--isa avx2,avx512] [--rounds N]``

Forward, gradient by the input and gradient by the weights (with the bias's) of the layers of the MNIST CNN at
batch 128 and of ResNet-18 at 32 × 32 pixels and batch 32. Torch takes contiguous and channels_last tensors.
The figure is the best of interleaved rounds, in processor time, counting two operations for each tap, those
outside the image too (which can show more than the peak). The peak is what multiply-adds in registers alone
reach (peak.c).
"""

from __future__ import annotations

import argparse
import ctypes
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mnist
import torch
import turns
from torch.nn import functional as F

from reprise.arithmetic import build
from reprise.arithmetic.library import chosen_isa, load
from reprise.arithmetic.structures import ConvolutionShape, LinearShape

PASSES = ("forward", "by the input", "by the weights")
SHORTEST = 2e-3  # seconds of a timed stretch
Call = Callable[[], object]


@dataclass(frozen=True)
class Layer:
    """A linear layer (side 0), or a convolution of square images."""

    name: str
    rows: int
    side: int
    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    padding: int = 0

    @property
    def out_side(self) -> int:
        """The height and width of the output."""
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def operations(self) -> int:
        """Of a pass."""
        pixels = self.out_side**2 if self.side else 1
        return 2 * self.rows * pixels * self.inputs * self.outputs * self.kernel**2


LAYERS = (
    Layer("mnist convolution 1-16, stride 2", 128, 28, 1, 16, 3, 2),
    Layer("mnist convolution 16-32, stride 2", 128, 13, 16, 32, 3, 2),
    Layer("mnist convolution 32-64", 128, 6, 32, 64, 3),
    Layer("mnist linear 1024-256", 128, 0, 1024, 256),
    Layer("mnist linear 256-64", 128, 0, 256, 64),
    Layer("mnist linear 64-10", 128, 0, 64, 10),
    Layer("resnet 3-64, 32²", 32, 32, 3, 64, 3, 1, 1),
    Layer("resnet 64-64, 32²", 32, 32, 64, 64, 3, 1, 1),
    Layer("resnet 64-128, 32², stride 2", 32, 32, 64, 128, 3, 2, 1),
    Layer("resnet 128-128, 16²", 32, 16, 128, 128, 3, 1, 1),
    Layer("resnet 128-256, 16², stride 2", 32, 16, 128, 256, 3, 2, 1),
    Layer("resnet 256-256, 8²", 32, 8, 256, 256, 3, 1, 1),
    Layer("resnet 256-512, 8², stride 2", 32, 8, 256, 512, 3, 2, 1),
    Layer("resnet 512-512, 4²", 32, 4, 512, 512, 3, 1, 1),
    Layer("resnet 1x1 64-128, stride 2", 32, 32, 64, 128, 1, 2),
    Layer("resnet 1x1 128-256, stride 2", 32, 16, 128, 256, 1, 2),
    Layer("resnet 1x1 256-512, stride 2", 32, 8, 256, 512, 1, 2),
)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", default="", help="layers whose name contains this")
    parser.add_argument("--isa", help="instruction sets, with commas between; all but baseline by default")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--mnist", type=Path, help="the folder of the four idx files")
    args = parser.parse_args()
    mnist.load(args.mnist or mnist.folder())
    torch.set_num_threads(1)
    isas = args.isa.split(",") if args.isa else able()
    print(turns.machine())
    peaks = {isa: peak(isa) for isa in isas}
    print(
        "peak of a core, GFLOP/s: " + ", ".join(f"{isa} {value:.0f}" for isa, value in peaks.items()) + "\n"
    )
    rows = []
    for layer in LAYERS:
        if args.layers not in layer.name:
            continue
        calls = {isa: own(layer, isa) for isa in isas}
        calls |= {"torch": by_torch(layer, channels_last=False)}
        if layer.side:
            calls |= {"torch channels_last": by_torch(layer, channels_last=True)}
        best = measure(calls, args.rounds)
        shown = {name: [layer.operations / s / 1e9 for s in seconds] for name, seconds in best.items()}
        cells = [form(shown.get(name)) for name in columns(isas)]
        shares = [value / peaks[isas[-1]] for value in shown[isas[-1]]]
        rows.append([layer.name, *cells, " / ".join(f"{share:.0%}" for share in shares)])
    print(f"GFLOP/s: {' / '.join(PASSES)}; {isas[-1]}'s share of its peak\n")
    print(turns.table(["", *columns(isas), "of peak"], rows))


def form(speeds: list[float] | None) -> str:
    """Return a cell."""
    return "-" if speeds is None else " / ".join(f"{value:.0f}" for value in speeds)


def columns(isas: list[str]) -> list[str]:
    """Return the names of the columns of speeds."""
    return [*isas, "torch", "torch channels_last"]


def able() -> list[str]:
    """Return the instruction sets of this processor, without the slow baseline where there is another."""
    known = list(build.ISAS[build.this_target().split("-")[0]])
    return known[min(1, len(known) - 1) : known.index(chosen_isa()) + 1]


def clock(call: Call) -> float:
    """Return the seconds of processor time of a call, from a stretch of them."""
    start = time.process_time()
    call()
    count = max(1, int(SHORTEST / max(1e-7, time.process_time() - start)))
    start = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - start) / count


def measure(calls: dict[str, tuple[Call, Call, Call]], rounds: int) -> dict[str, list[float]]:
    """Return the least seconds of each pass."""
    best = {name: [float("inf")] * 3 for name in calls}
    for _ in range(rounds + 1):
        for name, passes in calls.items():
            best[name] = [min(least, clock(call)) for least, call in zip(best[name], passes, strict=True)]
    return best


def own(layer: Layer, isa: str) -> tuple[Call, Call, Call]:
    """Return the three passes by the kernels; weights are packed before, as in a step's second slice."""
    library = load(isa)
    if layer.side:
        side, out = layer.side, layer.out_side
        x, y = (
            torch.randn(layer.rows, side, side, layer.inputs),
            torch.empty(layer.rows, out, out, layer.outputs),
        )
        weight = torch.randn(layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        shape: ctypes.Structure = ConvolutionShape(
            side, side, layer.inputs, out, out, layer.outputs, *[layer.kernel] * 2, *[layer.stride] * 2,
            *[layer.padding] * 2, 1, 1, 1,
        )  # fmt: skip
        family = "convolution"
    else:
        x, y = torch.randn(layer.rows, layer.inputs), torch.empty(layer.rows, layer.outputs)
        weight, shape, family = (
            torch.randn(layer.outputs, layer.inputs), LinearShape(layer.inputs, layer.outputs), "linear"
        )  # fmt: skip
    d, n = ctypes.byref(shape), ctypes.c_ssize_t
    gy, bias = torch.randn_like(y), torch.randn(layer.outputs)
    gx, gw, gb = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
    packed = []
    for for_gradient in (0, 1):
        packed.append(torch.zeros(getattr(library, f"{family}_packed")(d, for_gradient)))
        getattr(library, f"{family}_pack")(d, _at(weight), for_gradient, _at(packed[-1]))
    forward, by_input, by_weight = (
        getattr(library, f"{family}_{name}") for name in ("forward", "input_gradient", "weight_gradient")
    )
    rows = n(layer.rows)
    kept = (x, y, weight, gy, bias, gx, gw, gb, packed)

    def call(function: Callable[..., object], *words: object) -> Call:
        return lambda _kept=kept: function(d, rows, *words)

    return (
        call(forward, _at(x), _at(packed[0]), _at(bias), 0, _at(y)),
        call(by_input, _at(gy), _at(packed[1]), _at(gx)),
        call(by_weight, _at(gy), _at(x), _at(gw), _at(gb)),
    )


def _at(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def by_torch(layer: Layer, *, channels_last: bool) -> tuple[Call, Call, Call]:
    """Return the three passes by torch."""
    bias = torch.randn(layer.outputs)
    if not layer.side:
        x, weight = torch.randn(layer.rows, layer.inputs), torch.randn(layer.outputs, layer.inputs)
        gy = torch.randn(layer.rows, layer.outputs)
        return lambda: F.linear(x, weight, bias), lambda: gy @ weight, lambda: (gy.t() @ x, gy.sum(0))
    x = torch.randn(layer.rows, layer.inputs, layer.side, layer.side)
    weight = torch.randn(layer.outputs, layer.inputs, layer.kernel, layer.kernel)
    if channels_last:
        x, weight = (tensor.to(memory_format=torch.channels_last) for tensor in (x, weight))
    stride, padding = [layer.stride] * 2, [layer.padding] * 2
    gy = torch.randn_like(F.conv2d(x, weight, bias, layer.stride, layer.padding))

    def backward(mask: list[bool]) -> object:
        return torch.ops.aten.convolution_backward(
            gy, x, weight, [layer.outputs], stride, padding, [1, 1], False, [0, 0], 1, mask
        )

    return (
        lambda: F.conv2d(x, weight, bias, layer.stride, layer.padding),
        lambda: backward([True, False, False]),
        lambda: backward([False, True, True]),
    )


def peak(isa: str) -> float:
    """Return the most GFLOP/s that a core reaches with an instruction set."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "peak.so")
        words = [*build.compiler(isa, build.this_target()), *build.FLAGS, "-shared", "-I", str(build.SOURCES)]
        subprocess.run(
            [*words, "-o", str(path), str(Path(__file__).with_name("peak.c"))],
            check=True,
            capture_output=True,
        )
        function = ctypes.CDLL(str(path)).peak
    function.restype, function.argtypes = ctypes.c_ssize_t, (ctypes.c_ssize_t, ctypes.c_void_p)
    numbers = torch.zeros(12 * 16)
    numbers[0] = 0.5
    best = 0.0
    for _ in range(50):
        start = time.process_time()
        done = function(200_000, numbers.data_ptr())
        best = max(best, done / (time.process_time() - start) / 1e9)
    return best


if __name__ == "__main__":
    main()
