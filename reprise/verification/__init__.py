"""Committed pipelines: whether they give the same bytes again, whether stored files are theirs."""
