"""The parameters: what they are, how they are read, and what can't stand together."""
