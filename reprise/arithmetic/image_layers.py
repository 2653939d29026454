"""Layers over images that torch has no module for."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

Pads = tuple[int, int]  # pixels before and after


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's padding "same": outputs = inputs / stride, rounded up.

    Where the padding is an odd number of pixels, the one more is below and on the right, which `nn.Conv2d`
    can't say. Give it no padding of its own.
    """

    def pads(self, side: int, axis: int) -> Pads:
        """Return the padding of a side of so many pixels; axis 0 is the height."""
        stride, reach = self.stride[axis], self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        both = max((-(-side // stride) - 1) * stride + reach - side, 0)
        return both // 2, both - both // 2

    def forward(self, x: Tensor) -> Tensor:
        """Return images of shape (rows, out channels, height / stride, width / stride)."""
        padded = F.pad(x, (*self.pads(x.shape[-1], 1), *self.pads(x.shape[-2], 0)))
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each pixel of images, shape (rows, channels, height, width)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return images of the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
