"""Facts about the operations that neither the reference nor torch could get wrong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from family_library import Families, ImageRows, compile_families, runnable

ALL_ONES = 2**32 - 1


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Families:
    """The fastest kernels; all have the same bits."""
    return Families(compile_families(tmp_path_factory.mktemp("kernels"), runnable()[-1]))


def philox(kernels: Families, key: int, stream: int, block: int, blocks: int = 1) -> list[str]:
    """Return words in hexadecimal."""
    words = np.zeros(4 * blocks, np.uint32)
    kernels.call("random_words", key, stream, block, words, blocks)
    return [f"{w:08x}" for w in words]


def test_philox_known_answer(kernels: Families) -> None:
    """The published answer for counter 0 and key 0, of Random123's kat_vectors."""
    assert philox(kernels, 0, 0, 0) == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]


def test_philox_written_twice(kernels: Families) -> None:
    """The same with Python's integers, at carries from one word to the next too."""

    def second(key: int, stream: int, block: int) -> list[str]:
        x, k = [block % 2**32, block >> 32, stream, 0], [key % 2**32, key >> 32]
        for _ in range(10):
            a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
            x = [(b >> 32) ^ x[1] ^ k[0], b % 2**32, (a >> 32) ^ x[3] ^ k[1], a % 2**32]
            k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
        return [f"{w:08x}" for w in x]

    for key, stream, block in (
        (0, 0, 0),
        (0xA4093822299F31D0, 0x13198A2E, 0x85A308D3243F6A88 >> 1),
        (2**64 - 1, ALL_ONES, 5),
    ):
        assert philox(kernels, key, stream, block) == second(key, stream, block)
    many = philox(kernels, 7, 3, 2**32 - 20, 45)
    assert many == [w for b in range(45) for w in second(7, 3, 2**32 - 20 + b)]


def test_dropout_keeps_its_share(kernels: Families) -> None:
    """As many as asked within five standard deviations; all at 2^32 - 1; streams are independent."""
    n, keep = 1_000_000, 0.8
    x, y, again = np.ones(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.float32)
    kernels.call("dropout", x, y, n, 42, 1, int(keep * 2**32), 1 / keep)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / keep)}
    assert abs((y > 0).mean() - keep) < 5 * (keep * (1 - keep) / n) ** 0.5
    kernels.call("dropout", x, again, n, 42, 2, int(keep * 2**32), 1 / keep)
    assert abs(((y > 0) & (again > 0)).mean() - keep**2) < 5 * (keep / n) ** 0.5
    kernels.call("dropout", x, y, n, 42, 1, ALL_ONES, 1.0)
    assert (y == 1).all()


def test_activation_in_place_and_at_the_ends(kernels: Families) -> None:
    """y may be x; infinities and zeros go where they belong."""
    x = np.array([-np.inf, -1e30, -0.0, 0.0, 1e-45, -1e-45, 1e30, np.inf, np.nan] * 5, np.float32)
    for kind, ends in ((5, [0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1]), (6, [-1, -1, -0.0, 0.0, 1e-45, -1e-45, 1, 1])):
        y = x.copy()
        kernels.call("activation_forward", kind, 0.0, y, y, y.size)
        assert y[:8].tobytes() == np.array(ends, np.float32).tobytes()
        assert np.isnan(y[8::9]).all()


def test_masked_scores_have_no_weight(kernels: Families) -> None:
    """Softmax of -inf is exactly 0, and the rest sums to 1: a mask of attention."""
    x = np.array([[1, -np.inf, 2, -np.inf], [0, 0, 0, -np.inf]], np.float32)
    y = np.empty_like(x)
    kernels.call("softmax_forward", x, y, 2, 4)
    assert (y[np.isinf(x)] == 0).all()
    assert y.sum(1) == pytest.approx(1)


def test_images_are_gathered_as_numpy_does(kernels: Families) -> None:
    """Mirrored, then shifted with zeros, then normalised."""
    rng = np.random.default_rng(3)
    count, channels, height, width, reach = 6, 3, 9, 11, 2
    x = rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    down, right = rng.integers(0, 2 * reach + 1, (2, count))
    mirrored, numbers = rng.integers(0, 2, count, dtype=np.uint8), rng.permutation(count)
    mean, std = np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)
    how = ImageRows(
        channels, height, width, reach, *(a.ctypes.data for a in (mean, std, down, right, mirrored))
    )
    y = np.empty((count, height, width, channels), np.float32)
    kernels.call("gather_images", x, numbers, count, how, y)
    for row, n in enumerate(numbers):
        image = x[n, :, :, ::-1] if mirrored[n] else x[n]
        wide = np.pad(image, ((0, 0), (reach, reach), (reach, reach)))
        image = wide[:, down[n] : down[n] + height, right[n] : right[n] + width].transpose(1, 2, 0)
        assert (y[row] == (image.astype(np.float32) - mean) / std).all()


def test_a_loss_of_one_row_is_torchs(kernels: Families) -> None:
    """Ignoring no class: smoothing and weights as torch has them for a sum."""
    x, w = np.array([[1, 2, 0.5]], np.float32), np.array([0.5, 2, 1], np.float32)
    target = np.array([2])
    ours = kernels.call("cross_entropy", x, target, 1, 3, 0.2, w, 1.0, None)
    theirs = torch.nn.functional.cross_entropy(
        torch.from_numpy(x).double(),
        torch.tensor([2]),
        torch.from_numpy(w).double(),
        reduction="sum",
        label_smoothing=0.2,
    )
    assert ours == pytest.approx(theirs.item(), rel=1e-12)


def test_blocks_of_squares_add_up(kernels: Families) -> None:
    """What threads share out is the whole, bit for bit."""
    g = [np.random.default_rng(s).standard_normal(200_000).astype(np.float32) for s in range(2)]
    sums = np.zeros(4)
    for first, blocks in ((2, 2), (0, 2)):
        kernels.call("squares_of_blocks", g, 2, 200_000, first, blocks, sums[first:])
    total = 0.0
    for s in sums:
        total += float(s)
    assert total == kernels.call("sum_of_squares", g, 2, 200_000)
