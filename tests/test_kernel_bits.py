"""The portable kernels' bits: in company, in oneDNN's own words, and on other CPUs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import fakecpu
import pytest
from kernel_cases import LAYERS, all_digests, torch_input_gradient
from torch import nn

from reprise.model.architectures import BatchNorm, Dropout
from reprise.model.portable import _PROVEN


def test_bits_are_the_same_in_company() -> None:
    alone = all_digests()
    with ThreadPoolExecutor(2) as pool:
        for company in pool.map(lambda _: all_digests(), range(4)):
            assert company == alone


def test_every_accepted_layer_has_its_bits_compared() -> None:
    compared = {type(make()) for make in LAYERS.values()}
    in_the_proofs_models = {BatchNorm, Dropout}
    compute_nothing = {nn.Flatten, nn.Identity, nn.Sequential}
    assert compared | in_the_proofs_models | compute_nothing == _PROVEN


ASK_ONEDNN = """
import sys
import torch
from reprise.numerics import kernels
from kernel_cases import direct_cases
torch.set_num_threads(1)
sys.stdout.reconfigure(line_buffering=True)
for shape, weight, stride, padding in direct_cases():
    x, w = torch.rand(shape), torch.rand(weight)
    y = torch.ops.aten.mkldnn_convolution(x, w, w[:, 0, 0, 0], padding, stride, (1, 1), 1)
    mask = stride == (1, 1), True, True
    torch.ops.aten.convolution_backward(y, x, w, w.shape[:1], stride, padding, (1, 1), False, (0, 0), 1, mask)
for a, b in ((64, 1024), (1000, 40), (7, 30000)):
    kernels.product(torch.rand(a, b), torch.rand(256, b))
    kernels.product(torch.rand(a, b), torch.rand(b, 256).t())
    kernels.product(torch.rand(b, a).t(), torch.rand(b, 256).t())
"""


def test_onednn_uses_the_kernels_that_are_blocked_by_shape() -> None:
    lines = fakecpu.python(ASK_ONEDNN, extra={"ONEDNN_VERBOSE": "1"}).splitlines()
    done = [line.split(",exec,cpu,")[1].split(",")[:2] for line in lines if ",exec,cpu," in line]
    used = {tuple(fields) for fields in done if fields[0] != "reorder"}
    assert used == {
        ("convolution", "jit:avx2"), ("convolution", "jit_1x1:avx2"), ("inner_product", "brg_matmul:avx2")
    }  # fmt: skip


ON_A_CPU = """
import json, torch
torch.set_num_threads(1)
from kernel_cases import all_digests, torch_input_gradient
print(json.dumps([all_digests(), torch_input_gradient()]))
"""
QUICK = ["intel-skylake-x", "amd-zen2", "cache-16-128-512", "cache-0-0-0"]


@cache
def on_a_cpu(profile: str) -> tuple[dict[str, list[str]], list[str]]:
    if reason := fakecpu.why_not():
        pytest.skip(reason)
    digests, gradient = json.loads(fakecpu.python(ON_A_CPU, profile))
    return digests, gradient


@pytest.mark.parametrize(
    "profile",
    [
        *QUICK,
        *(pytest.param(name, marks=pytest.mark.proof) for name in fakecpu.PROFILES if name not in QUICK),
    ],
)
def test_bits_are_the_same_on_another_cpu(profile: str) -> None:
    digests, _ = on_a_cpu(profile)
    assert digests == all_digests()


def test_a_faked_cpu_shows_a_dependence_on_caches() -> None:
    """Were the CPU not really faked, or torch's own gradient portable, this would be equal."""
    _, tiny = on_a_cpu("cache-16-128-512")
    assert tiny != torch_input_gradient()
