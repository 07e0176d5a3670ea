"""How far a picture is from every class, beside how far it is from pictures at large: relative Mahalanobis distance.

Classes are normal with means of their own and one covariance S, pictures at large normal with the covariance
S0 = S + B, where B is that of the class means. The squared distance from the nearest class less that from the middle of
all is the relative distance (Ren et al., 2021, arXiv:2106.09022). S and S0 differ in at most K - 1 directions, so that
all other terms of the two distances are the same and cancel: what is left is computed in these directions alone, which
is exact, and small enough to travel with a model.

Legend: N pictures, d features, K classes, r ≤ K - 1 directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.types import Features, Labels

SHRINKAGE = 0.3  # of the covariance towards a round one of the same trace, since there are more features than pictures
LEAST_SPREAD = 1e-6  # of the largest one, below which a direction says nothing
MOST_DIRECTIONS = 128
FEWEST_OF_CLASS = 2  # pictures
FEWEST_CLASSES = 3  # with two there is one direction, along which most of what is neither lies as the classes do


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeDistance:
    """The directions that tell classes apart, and where the classes lie in them.

    Attributes:
        matrix: float32 [d, r]; the spread within classes along each is one.
        middle: float32 [r], of all pictures.
        means: float32 [K, r], of the classes, from the middle.
        within: float32 [r], the share of the spread at large that is within classes.
    """

    matrix: NDArray[np.float32]
    middle: NDArray[np.float32]
    means: NDArray[np.float32]
    within: NDArray[np.float32]

    def distance(self, rows: Features) -> NDArray[np.float64]:
        """The relative distance float64 [N] of rows float32 [N, d]: the larger, the less like any class.

        It is summed in float64 and rounded to float32, so that it depends on no other row.
        """
        found = rows.astype(np.float64) @ self.matrix.astype(np.float64) - self.middle
        nearest = np.full(len(rows), np.inf)
        for mean in self.means:
            apart = found - mean
            nearest = np.minimum(nearest, np.einsum("nr,nr->n", apart, apart))
        from_middle = np.einsum("nr,nr,r->n", found, found, self.within.astype(np.float64))
        distance: NDArray[np.float64] = (nearest - from_middle).astype(np.float32).astype(np.float64)
        return distance


def fit_relative_distance(rows: Features, labels: Labels) -> RelativeDistance | None:
    """The distance by rows float32 [N, d] with labels int64 [N]; None where fewer than three classes have two rows."""
    names, counts = np.unique(labels, return_counts=True)
    names = names[counts >= FEWEST_OF_CLASS]
    if len(names) < FEWEST_CLASSES:
        return None
    kept = np.isin(labels, names)
    rows, place = rows[kept], np.searchsorted(names, labels[kept])
    share = np.bincount(place) / len(place)
    middle = share @ _means(rows, place)
    width, basis = rows.shape[1], None
    if len(rows) < width:  # all that matters lies in the span of the rows
        basis = np.linalg.qr((rows - middle).T.astype(np.float32))[0]
        rows, middle = rows @ basis, middle @ basis
    means = _means(rows, place)
    apart = (rows - means[place]).astype(np.float32)
    covariance = (apart.T @ apart).astype(np.float64) * ((1 - SHRINKAGE) / len(rows))
    trace = max(float(np.einsum("nd,nd->", apart, apart, dtype=np.float64)) / len(rows), LEAST_SPREAD)
    covariance[np.diag_indices(len(covariance))] += SHRINKAGE * trace / width
    return _directions(covariance, means - middle, share=share, middle=middle, basis=basis)


def _means(rows: Features, place: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean float64 [K, d] of the rows of each class, which all have some."""
    order = np.argsort(place, kind="stable")
    counts = np.bincount(place)
    sums = np.add.reduceat(rows[order], np.cumsum(counts) - counts, axis=0, dtype=np.float64)
    means: NDArray[np.float64] = sums / counts[:, None]
    return means


def _directions(
    covariance: NDArray[np.float64],
    apart: NDArray[np.float64],
    *,
    share: NDArray[np.float64],
    middle: NDArray[np.float64],
    basis: Features | None,
) -> RelativeDistance | None:
    """Where class means [K, c], from the middle, spread most beside the covariance [c, c] within classes.

    Coordinates are those of the orthonormal basis float32 [d, c], or the features themselves.
    """
    from scipy.linalg import cholesky, solve_triangular

    root = cholesky(covariance, lower=True)
    white = solve_triangular(root, apart.T, lower=True) * np.sqrt(share)  # [d, K]
    spread, turned = np.linalg.eigh(white.T @ white)
    kept = np.flatnonzero(spread > max(LEAST_SPREAD * spread[-1], LEAST_SPREAD))[::-1][:MOST_DIRECTIONS]
    if not len(kept):
        return None
    matrix = solve_triangular(root.T, white @ turned[:, kept] / np.sqrt(spread[kept]), lower=False)
    return RelativeDistance(
        matrix=(matrix if basis is None else basis @ matrix).astype(np.float32),
        middle=(middle @ matrix).astype(np.float32),
        means=(apart @ matrix).astype(np.float32),
        within=(1 / (1 + spread[kept])).astype(np.float32),
    )
