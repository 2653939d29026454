"""CSV files: how they are read, what their columns mean, and how rows become features."""
