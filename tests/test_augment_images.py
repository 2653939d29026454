"""Crops, rotations, colours and cutouts beside Pillow, NumPy and the kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from tiny import CPU, rows_of, schema_of
from torch import Tensor

from reprise.arithmetic.inputs import Inputs
from reprise.arithmetic.network import compile_network
from reprise.arithmetic.parameters import PackedWeights, Parameters
from reprise.arithmetic.runner import Runner
from reprise.model.tensors import Rows
from reprise.settings.params import Augment
from reprise.training.augment import Changes, draw
from reprise.training.changed import changed_inputs, coloured, cut_out, mapped, moved
from reprise.training.maps import ONE

EACH = [
    {"crop": 0.3}, {"rotate": 30}, {"rotate": 180}, {"brightness": 0.4}, {"contrast": 0.4},
    {"saturation": 1.0}, {"cutout": 3}, {"mixup": 0.4}, {"flip": True, "brightness": 0.1},
    {"shift": 2, "cutout": 1}, {"shift": 2, "flip": True, "mixup": 1.0},
    {
        "shift": 1, "flip": True, "crop": 0.5, "rotate": 15, "brightness": 0.2, "contrast": 0.3,
        "saturation": 0.1, "cutout": 4, "mixup": 0.2,
    },
]  # fmt: skip


def drawn(rows: int, shape: tuple[int, ...], epoch: int = 0, **augment: Any) -> Changes:
    changes = draw(Augment(**augment), rows, shape, 1, epoch, CPU)
    assert changes is not None
    return changes


def photograph(side: int) -> Tensor:
    """A smooth picture in colour, shape (1, 3, side, side)."""
    i, j = np.mgrid[:side, :side] / side
    planes = np.stack([128 + 100 * np.sin(5 * i + 2 * j), 255 * j, 255 * i * (1 - j)])
    return torch.from_numpy(planes.astype(np.uint8)[None])


def as_pillow(x: Tensor) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(x[0].permute(1, 2, 0).numpy()))


def of_pillow(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int).transpose(2, 0, 1)


# The two ways of computing it


@pytest.mark.parametrize("augment", EACH, ids=lambda augment: " ".join(augment))
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 10), (2, 5, 4)])
def test_torch_and_the_kernels_give_the_same_bits(shape: tuple[int, ...], augment: dict[str, Any]) -> None:
    """In training the kernels read rows as the first thing of a network: here one that changes nothing."""
    data, changes = rows_of(schema_of(shape), 12), drawn(12, shape, **augment)
    rows = torch.tensor([3, 0, 11, 3, 7])
    source = Inputs(data.x, data.normalise.mean, data.normalise.std).source(**vars(changes))
    source.numbers, source.rows = rows.data_ptr(), len(rows)
    model = torch.nn.Sequential(torch.nn.LeakyReLU(1.0), torch.nn.Flatten())
    network = compile_network(model, shape)
    runner = Runner(network, PackedWeights(network, Parameters(model), training=False), 5, training=False)
    expected = changed_inputs(data, rows, changes).flatten(1)
    assert runner.outputs(source).numpy().tobytes() == expected.numpy().tobytes()


@pytest.mark.parametrize("augment", EACH, ids=lambda augment: " ".join(augment))
def test_a_row_is_changed_alike_wherever_it_stands(augment: dict[str, Any]) -> None:
    shape = (3, 9, 9)
    data = rows_of(schema_of(shape), 20)
    changes, next_epoch = drawn(20, shape, **augment), drawn(20, shape, epoch=1, **augment)
    whole = changed_inputs(data, torch.arange(20), changes)
    rows = torch.tensor([5, 19, 0, 5])
    assert torch.equal(changed_inputs(data, rows, changes), whole[rows])
    assert not torch.equal(whole, changed_inputs(data, torch.arange(20), None))
    assert not torch.equal(whole, changed_inputs(data, torch.arange(20), next_epoch))


# Maps


def test_whole_pixels_are_moved_as_without_a_map() -> None:
    shape = (2, 6, 9)
    data, rows = rows_of(schema_of(shape), 40), torch.arange(40)
    plain = drawn(40, shape, shift=3, flip=True)
    by_map = drawn(40, shape, shift=3, flip=True, cutout=1)
    assert by_map.maps is not None
    assert torch.equal(mapped(data.x, by_map.maps), moved(data.x, rows, plain))


@pytest.mark.parametrize("degrees", [-170.5, -90.0, -12.3, 0.0, 45.0, 90.0, 180.0])
def test_a_rotation_is_pillows(degrees: float) -> None:
    """Pillow, too, turns about the middle, counter-clockwise, and interpolates between four pixels."""
    side, angle = 33, np.deg2rad(degrees)
    s, c, middle = np.sin(angle), np.cos(angle), (side - 1) / 2
    exact = [ONE / 2 * c, -ONE / 2 * s, ONE * middle, ONE / 2 * s, ONE / 2 * c, ONE * middle]
    found = mapped(photograph(side), torch.tensor([[round(value) for value in exact]], dtype=torch.int32))
    expected = as_pillow(photograph(side)).rotate(degrees, Image.Resampling.BILINEAR)
    difference = np.abs(found[0].numpy().astype(int) - of_pillow(expected))
    i, j = np.mgrid[:side, :side] - middle
    inside = i**2 + j**2 < (middle - 1) ** 2
    assert difference[:, inside].max() <= 2


def test_a_crop_is_pillows_resized_box() -> None:
    """The parts that were drawn, read off the maps; enlarging is the same bilinear interpolation."""
    side = 32
    maps = drawn(30, (3, side, side), crop=0.2).maps
    assert maps is not None
    assert (maps[:, [1, 3]] == 0).all()
    for m in maps.tolist():
        wide, tall = m[0] / (ONE // 2), m[4] / (ONE // 2)
        left, top = (m[2] / ONE + 0.5 - wide * side / 2), (m[5] / ONE + 0.5 - tall * side / 2)
        box = (max(left, 0.0), max(top, 0.0), min(left + wide * side, side), min(top + tall * side, side))
        assert (box[2] - box[0]) == pytest.approx(wide * side, abs=0.01)
        cropped = as_pillow(photograph(side)).resize((side, side), Image.Resampling.BILINEAR, box)
        found = mapped(photograph(side), torch.tensor([m], dtype=torch.int32))[0].numpy().astype(int)
        assert np.abs(found - of_pillow(cropped))[:, 1:-1, 1:-1].max() <= 6


def test_crops_have_the_sizes_and_sides_that_were_asked_for() -> None:
    maps = drawn(5000, (1, 20, 20), crop=0.25).maps
    assert maps is not None
    wide, tall = (maps[:, place].double() / (ONE // 2) for place in (0, 4))
    free = (wide < 1) & (tall < 1)
    assert 0.25 < (wide * tall)[free].min() < 0.26
    assert 0.5 < (wide * tall).mean() < 0.65
    assert 0.75 - 1e-4 <= (wide / tall).min() < 0.76
    assert 1.32 < (wide / tall).max() <= 4 / 3 + 1e-4


def test_angles_are_uniform_both_ways() -> None:
    maps = drawn(5000, (1, 20, 20), rotate=30).maps
    assert maps is not None
    angles = torch.rad2deg(torch.atan2(maps[:, 3].double(), maps[:, 0].double()))
    assert -30.01 < angles.min() < -29.5
    assert 29.5 < angles.max() < 30.01
    assert abs(angles.mean()) < 1.5
    assert angles.std() == pytest.approx(60 / 12**0.5, rel=0.03)


# Colours


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7, 2.0])
def test_colours_are_pillows(place: int, factor: float) -> None:
    """Pillow cuts off where we round: one level; its contrast's mean is a whole level too."""
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    factors = [ONE, ONE, ONE]
    factors[place] = round(factor * ONE)
    found = coloured(photograph(24), torch.tensor([factors], dtype=torch.int32))[0].numpy().astype(int)
    expected = of_pillow(kinds[place](as_pillow(photograph(24))).enhance(factor))
    assert np.abs(found - expected).max() <= 1


def test_factors_lie_around_one() -> None:
    colours = drawn(4000, (3, 4, 4), brightness=0.5, saturation=0.2).colours
    assert colours is not None
    factors = colours.double() / ONE
    assert (factors[:, 1] == 1).all()
    for place, strength in ((0, 0.5), (2, 0.2)):
        assert factors[:, place].min() == pytest.approx(1 - strength, abs=0.01)
        assert factors[:, place].max() == pytest.approx(1 + strength, abs=0.01)


# Cutouts


def test_a_square_is_cut_out() -> None:
    changes = drawn(300, (1, 10, 12), cutout=4)
    assert changes.holes is not None
    x = cut_out(torch.ones(300, 2, 10, 12), changes.holes)
    for image, (top, left, bottom, right) in zip(x, changes.holes.tolist(), strict=True):
        expected = np.ones((2, 10, 12))
        expected[:, top:bottom, left:right] = 0
        assert (image.numpy() == expected).all()
        assert 2 <= bottom - top <= 4
        assert 2 <= right - left <= 4
    assert {(t, b) for t, _, b, _ in changes.holes.tolist()} >= {(0, 2), (0, 4), (7, 10)}


# Mixtures


def test_rows_are_mixed_with_their_partners_as_they_are_changed_themselves() -> None:
    shape = (3, 6, 6)
    data, rows = rows_of(schema_of(shape), 15), torch.arange(15)
    changes = drawn(15, shape, rotate=90, mixup=1.0)
    assert changes.partners is not None
    assert changes.shares is not None
    unmixed = changed_inputs(data, rows, replace(changes, partners=None, shares=None))
    share = changes.shares.reshape(-1, 1, 1, 1)
    expected = share * unmixed + (1 - share) * unmixed[changes.partners]
    torch.testing.assert_close(changed_inputs(data, rows, changes), expected)


def test_without_normalisation_bytes_are_changed_alike() -> None:
    data = rows_of(schema_of((1, 6, 6), inputs=None), 5)
    assert data.normalise.mean is None
    changes = drawn(5, (1, 6, 6), contrast=0.5)
    found = changed_inputs(Rows(data.x, data.y, data.normalise), torch.arange(5), changes)
    assert torch.equal(found, found.round())
    assert found.max() <= 255
