"""Resident rows as the kernels read them: by number, normalised and laid out on the way."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from reprise.arithmetic.structures import Augmentation, ImageRows, RowSource


class Inputs:
    """Stored inputs, of which rows are taken by number.

    Parameters
    ----------
    x : Tensor, shape (rows, *shape)
        uint8 images (channels, height, width) or float32 features.
    mean, std : Tensor or None
        One value or one a channel; None: the stored values as they are. For images only.
    """

    def __init__(self, x: Tensor, mean: Tensor | None = None, std: Tensor | None = None) -> None:
        self.x = x.contiguous()
        self._mean, self._std = (self._per_channel(values) for values in (mean, std))

    def source(
        self,
        reach: int = 0,
        down: Tensor | None = None,
        right: Tensor | None = None,
        mirrored: Tensor | None = None,
        maps: Tensor | None = None,
        colours: Tensor | None = None,
        holes: Tensor | None = None,
        partners: Tensor | None = None,
        shares: Tensor | None = None,
    ) -> RowSource:
        """Return the source of rows, whose `numbers` and `rows` are still to be set.

        All tensors have a line for each of all rows; families.h says what the int32 ones mean.

        Parameters
        ----------
        reach : int
            Pixels by which images are shifted at most.
        down, right : Tensor, shape (all rows,), int64, optional
            From 0 to 2 · reach, where `reach` means no shift.
        mirrored : Tensor, shape (all rows,), bool, optional
        maps : Tensor, shape (all rows, 6), int32, optional
            Where the pixels of a changed image come from; then `down`, `right` and `mirrored` have no say.
        colours : Tensor, shape (all rows, 3), int32, optional
            Factors of brightness, contrast and saturation; with `maps` alone.
        holes : Tensor, shape (all rows, 4), int32, optional
            Rectangles that are cut out; with `maps` alone.
        partners : Tensor, shape (all rows,), int64, optional
            The rows that rows are mixed with.
        shares : Tensor, shape (all rows,), float32, optional
            The rows' own shares of the mixtures.
        """
        source = RowSource(x=self.x.data_ptr(), width=self.x[0].numel() if len(self.x) else 0)
        source.kept = (self, down, right, mirrored, maps, colours, holes, partners, shares)
        if maps is not None or partners is not None:
            changes = Augmentation(
                maps=_address(maps), colours=_address(colours), holes=_address(holes),
                partners=_address(partners), shares=_address(shares),
            )  # fmt: skip
            source.changes = ctypes.pointer(changes)
        if self.x.dtype != torch.uint8:
            return source
        channels, height, width = self.x.shape[1:]
        images = ImageRows(
            channels=channels, height=height, width=width, reach=reach,
            mean=_address(self._mean), std=_address(self._std),
            down=_address(down), right=_address(right), mirrored=_address(mirrored),
        )  # fmt: skip
        source.images = ctypes.pointer(images)  # which keeps the structure alive, and `kept` the tensors
        return source

    def _per_channel(self, values: Tensor | None) -> Tensor | None:
        if values is None or self.x.dtype != torch.uint8:
            return None
        return values.reshape(-1).expand(self.x.shape[1]).to(torch.float32).contiguous()


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
