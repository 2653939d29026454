"""CSV files: how they are read, what their columns mean, and how rows become features."""

from reprise.data.csv.prepare import prepare_csv

__all__ = ["prepare_csv"]
