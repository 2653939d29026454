"""Models: their architectures and losses, the files they live in, and how they see prepared rows."""
