"""The exact, elastic, resumable training loop."""
