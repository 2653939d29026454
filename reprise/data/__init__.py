"""From raw files to prepared data, and back from prepared data to arrays."""
