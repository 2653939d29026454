"""McNemar's test in its exact form: are two classifiers' errors on the same rows different by chance?

Q. McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika, 1947.
Only the rows on which one of them is right and the other wrong count. If neither were better, each such row
would be a fair coin.
"""

from __future__ import annotations


def mcnemar(one: int, other: int) -> float:
    """Return the two-sided probability of such a difference, or a larger one, by chance.

    Parameters
    ----------
    one, other : int
        Rows on which only the one is right, and only the other.
    """
    count = one + other
    term = total = 1  # of Pascal's triangle, exactly
    for place in range(min(one, other)):
        term = term * (count - place) // (place + 1)
        total += term
    return min(1.0, 2 * total / (1 << count))
