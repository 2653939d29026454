"""Linear layers and convolutions give the bits of the naive loops on each instruction set of this machine."""

from __future__ import annotations

import ctypes
from dataclasses import replace

import numpy as np
import pytest
from products import (
    Case,
    bits,
    by_kernels,
    by_reference,
    convolution_case,
    linear_case,
    matrices_by_kernels,
    matrices_by_reference,
    matrices_case,
    possible_isas,
)

from reprise.arithmetic import library

NAMES = ("output", "gradient by the input", "by the weights", "by the bias")
LINEARS, CONVOLUTIONS = 60, 400


@pytest.fixture(scope="module")
def cases(reference: ctypes.CDLL) -> list[tuple[Case, list[bytes]]]:
    """Random layers, and what the reference makes of them."""
    rng = np.random.default_rng(8)
    made = [linear_case(rng, number) for number in range(LINEARS)]
    made += [convolution_case(rng, number) for number in range(CONVOLUTIONS)]
    return [(case, [bits(array) for array in by_reference(reference, case)]) for case in made]


@pytest.fixture(scope="module", params=possible_isas())
def kernels(request: pytest.FixtureRequest) -> ctypes.CDLL:
    return library.load(request.param)


def test_the_bits_are_the_references(kernels: ctypes.CDLL, cases: list[tuple[Case, list[bytes]]]) -> None:
    for case, expected in cases:
        for name, array, exact in zip(NAMES, by_kernels(kernels, case), expected, strict=True):
            assert bits(array) == exact, f"{name}: {case}"


def test_the_cases_are_as_various_as_they_claim(cases: list[tuple[Case, list[bytes]]]) -> None:
    shapes = [case.shape for case, _ in cases if case.kind == "convolution"]
    assert sum(shape.groups > 1 for shape in shapes) > 80
    assert sum(shape.groups == shape.channels > 1 for shape in shapes) > 40
    assert sum(max(shape.dilation_h, shape.dilation_w) > 1 for shape in shapes) > 40
    assert sum(max(shape.stride_h, shape.stride_w) > 1 for shape in shapes) > 100
    assert len({case.note for case, _ in cases}) == 4
    assert any(case.bias is None for case, _ in cases)


def test_a_row_does_not_care_about_its_batch(
    kernels: ctypes.CDLL, cases: list[tuple[Case, list[bytes]]]
) -> None:
    """Outputs and gradients by the input; those by the weights are sums over the rows."""
    for case, _ in cases[::4]:
        together = by_kernels(kernels, case)[:2]
        for row in {0, case.rows // 2, case.rows - 1}:
            alone = replace(case, rows=1, x=case.x[row : row + 1].copy(), gy=case.gy[row : row + 1].copy())
            for name, array, whole in zip(NAMES, by_kernels(kernels, alone), together, strict=False):
                assert bits(array) == bits(whole[row : row + 1]), f"{name}, row {row}: {case}"


def test_the_sums_over_rows_may_do_without_the_biases(kernels: ctypes.CDLL) -> None:
    case = linear_case(np.random.default_rng(1), 5)
    expected = by_kernels(kernels, case)[2]
    found = np.full_like(case.weight, np.nan)
    sizes = ctypes.byref(case.shape), ctypes.c_ssize_t(case.rows)
    pointers = (ctypes.c_void_p(a.ctypes.data) for a in (case.gy, case.x, found))
    kernels.linear_weight_gradient(*sizes, *pointers, ctypes.c_void_p(None))
    assert bits(found) == bits(expected)


def test_products_of_matrices_are_the_references(kernels: ctypes.CDLL, reference: ctypes.CDLL) -> None:
    rng = np.random.default_rng(9)
    for number in range(80):
        case = matrices_case(rng, number)
        found = zip(matrices_by_kernels(kernels, case), matrices_by_reference(reference, case), strict=True)
        for name, (array, exact) in zip(("product", "first", "second"), found, strict=True):
            assert bits(array) == bits(exact), f"{name}: {case}"
