"""Folders of images: which there are, how they are read, and how they become prepared data."""
