"""The ground floor: errors, files, seeds, workers and places; no torch, no pandas."""
