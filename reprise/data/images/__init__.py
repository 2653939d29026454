"""Folders of images: which there are, how they are read, and how they become prepared data."""

from reprise.data.images.prepare import prepare_images

__all__ = ["prepare_images"]
