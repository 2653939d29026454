"""Networks that have a name: the settings that ``model.cnn.preset`` stands for."""

from __future__ import annotations

from typing import Any

CNN_PRESETS: dict[str, dict[str, Any]] = {
    # Three convolutions that halve the image: seconds to minutes on a CPU.
    "small": {
        "channels": (32, 64, 128), "strides": (2, 2, 2), "kernel": 3, "padding": 1,
        "hidden": (128,), "dropout": 0.2, "batch_norm": True, "pooling": "none",
    },
    # Pairs of convolutions at each size (Simonyan and Zisserman, 2015), strides in the place of pooling.
    "medium": {
        "channels": (32, 32, 64, 64, 128, 128), "strides": (1, 1, 2, 1, 2, 1), "kernel": 3, "padding": 1,
        "hidden": (128,), "dropout": 0.3, "batch_norm": True, "pooling": "average",
    },
    "large": {
        "channels": (64, 64, 128, 128, 256, 256, 256, 256), "strides": (1, 1, 2, 1, 2, 1, 2, 1), "kernel": 3,
        "padding": 1, "hidden": (256,), "dropout": 0.4, "batch_norm": True, "pooling": "average",
    },
}  # fmt: skip


def with_preset(values: Any) -> Any:
    """Return the settings of a cnn, as they were read, with those of its preset for the ones left out."""
    preset = values.get("preset") if isinstance(values, dict) else None
    return {**CNN_PRESETS[preset], **values} if isinstance(preset, str) and preset in CNN_PRESETS else values
