"""The prepared format: what a row is, and the shards that all stages share."""
