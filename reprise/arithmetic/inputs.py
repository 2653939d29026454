"""Resident rows as the kernels read them: by number, normalised and laid out on the way."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor

from reprise.arithmetic.structures import ImageRows, RowSource


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
    ) -> RowSource:
        """Return the source of rows, whose `numbers` and `rows` are still to be set.

        Parameters
        ----------
        reach : int
            Pixels by which images are shifted at most.
        down, right : Tensor, shape (all rows,), int64, optional
            From 0 to 2 · reach, where `reach` means no shift.
        mirrored : Tensor, shape (all rows,), bool, optional
        """
        source = RowSource(x=self.x.data_ptr(), width=self.x[0].numel() if len(self.x) else 0)
        if self.x.dtype != torch.uint8:
            return source
        channels, height, width = self.x.shape[1:]
        images = ImageRows(
            channels=channels, height=height, width=width, reach=reach,
            mean=_address(self._mean), std=_address(self._std),
            down=_address(down), right=_address(right), mirrored=_address(mirrored),
        )  # fmt: skip
        source.images = ctypes.pointer(images)  # which keeps the structure, but not the tensors, alive
        source.kept = (self, down, right, mirrored)
        return source

    def _per_channel(self, values: Tensor | None) -> Tensor | None:
        if values is None or self.x.dtype != torch.uint8:
            return None
        return values.reshape(-1).expand(self.x.shape[1]).to(torch.float32).contiguous()


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()
