"""Prepared pictures as small PNG files inside the page."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MOST_PIXELS = 144  # of a side


def data_uri(pixels: NDArray[np.uint8], white: int) -> str:
    """Return a picture as an address that holds it.

    Parameters
    ----------
    pixels : array (channels, height, width)
        One channel is a gray picture and three are a colour picture; of others the first is shown.
    white : int
        The value that becomes white, such as 16 for digits with 17 shades.
    """
    channels = pixels if len(pixels) == 3 else pixels[:1]
    stretched = np.minimum(channels.astype(np.uint32) * 255 // max(white, 1), 255).astype(np.uint8)
    image = Image.fromarray(stretched.transpose(1, 2, 0) if len(stretched) == 3 else stretched[0])
    image.thumbnail((MOST_PIXELS, MOST_PIXELS), Image.Resampling.BOX)
    stream = io.BytesIO()
    image.save(stream, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
