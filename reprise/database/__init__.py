"""Tables of databases as Parquet files, which the pipeline reads and DVC versions."""
