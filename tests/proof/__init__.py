"""The proof of the byte contract: whole pipelines under many conditions, one SHA-256 (`make proof`).

Each test varies one thing (threads, processes, kills, CPUs, the environment) and demands that every byte of
every output stays the same. ``python -m pytest -m proof tests/proof`` runs all of it and writes the table of
rows to build/proof.md; without ``-m proof``, ``make test`` runs a short part.
"""
