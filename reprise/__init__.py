"""Reprise: train tables and images with PyTorch and DVC, and get the same bytes every time."""

__version__ = "0.1.0"
