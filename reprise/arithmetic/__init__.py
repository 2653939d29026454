"""Arithmetic with defined bits: each result a fixed sequence of IEEE-754 operations (docs/arithmetic.md)."""
