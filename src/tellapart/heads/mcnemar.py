"""Whether two classifiers differ by more than chance, told by the same pictures."""

from __future__ import annotations


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value of McNemar's test (1947, doi:10.1007/BF02295996): a fair coin's, thrown a + b times.

    Args:
        only_a: pictures on which A alone is right.
        only_b: pictures on which B alone is.
    """
    from scipy.special import bdtr

    thrown = only_a + only_b
    return min(1.0, 2 * float(bdtr(min(only_a, only_b), thrown, 0.5))) if thrown else 1.0
