"""Committed pipelines: which there are, and whether they give the same bytes again."""
