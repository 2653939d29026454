"""One pipeline trained many times, with other seeds or on other folds: how far its metrics spread."""
