"""What of `train.augment` does not fit the data, before it is read and once it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from reprise.settings.params import Augment

FOR_ROWS = ("mixup",)  # all others are for images
HANDED = ("digits", "mnist")  # a mirror image is another sign
GRAY = ("digits", "mnist", "fashion_mnist")


def unfit_augmentation(
    augment: Augment,
    dataset: str,
    layout: Literal["table", "images"] | None,
    channels: int | None = None,
    side: int | None = None,
) -> Iterator[str]:
    """Yield one line for each key that does not fit.

    Parameters
    ----------
    augment : Augment
    dataset : str
    layout : {"table", "images"}
        Of the prepared data; None: not known yet.
    channels, side : int, optional
        Of the images, the shorter side in pixels; None: not known yet.
    """
    changed = changed_keys(augment)
    if layout == "table":
        for_images = [key for key in changed if key not in FOR_ROWS]
        if for_images:
            yield (
                f"train.augment: {', '.join(for_images)}: for images, but the prepared data is a table; "
                f"leave {'it' if len(for_images) == 1 else 'them'} out"
            )
        return
    if layout is None:
        return
    if augment.flip and dataset in HANDED:
        yield "train.augment.flip: a mirrored digit is another sign; set it to false"
    if augment.saturation > 0 and (dataset in GRAY or channels not in (None, 3)):
        yield "train.augment.saturation: gray images have no colours; set it to 0"
    if side is not None and augment.cutout > side:
        yield f"train.augment.cutout: {augment.cutout} pixels, but the images have {side}; use at most {side}"


def changed_keys(augment: Augment) -> list[str]:
    """Return the keys that are not at their defaults."""
    defaults = Augment()
    return [key for key in Augment.model_fields if getattr(augment, key) != getattr(defaults, key)]
