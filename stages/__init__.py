"""What DVC runs: one short file a stage, each of them load, compute, save."""
