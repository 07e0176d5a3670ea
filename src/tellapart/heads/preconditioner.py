"""A metric for the minimiser: the inverse of an approximate Hessian, shared by the classes and by the folds.

The Hessian of the log loss of one picture is (diag(p) - p p^T) times x x^T. Its class part is replaced by the mean of
its K - 1 eigenvalues, s = (1 - sum(p ** 2)) / (K - 1), exact for two classes. What is left, the mean of s x x^T plus
l2, is one matrix [d, d] for all classes. Most pictures are told apart surely and have next to no s: the few that carry
the curvature are enough, and where they are fewer than the coordinates, the inverse is found among them (Woodbury).

The bias is separated by centring x at its s-weighted mean, which makes the Hessian block diagonal.

Legend: N pictures, m of them sampled, d coordinates, P problems, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import Space
from tellapart.heads.linear import row_blocks
from tellapart.heads.objective import Parameters, scaled, softmax_loss
from tellapart.heads.products import Single, add_outer_product, inverse_root, product
from tellapart.types import Labels

SAMPLED_ROWS = 8192  # of these and more, a sample: about twice the coordinates
NEGLIGIBLE = 0.03  # the part of the curvature that is left out with the rows that have least; see docs/log.md
WIDEST = 4500  # coordinates; the Hessian and its factor are then 162 MB
SAMPLED_ROWS_WIDE = 1500  # beyond that: at 20,000 coordinates 120 MB, and the strongest directions are among them
ROWS_ADDED = 1024  # at once to the Hessian, each time it is read and written as a whole
LEAST = 1e-12  # curvature of a bias no picture is unsure about


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Applies the inverse of the approximate Hessian at one strength."""

    curvature: Curvature
    # float32, lower triangle; root.T @ root is the inverse of hessian + l2 [d, d], or of rows @ rows.T + l2
    root: Single
    l2: float  # the strength

    def __call__(self, gradient: Parameters) -> Parameters:
        """The step [P, K, d + 1] that the gradient [P, K, d + 1] asks for."""
        flat, centre = gradient.reshape(-1, gradient.shape[-1]), self.curvature.centre
        weights = self._weights((flat[:, :-1] - flat[:, -1:] * centre).astype(np.float32))
        step = np.empty_like(flat)
        step[:, :-1] = weights
        step[:, -1] = flat[:, -1] / self.curvature.bias_curvature - step[:, :-1] @ centre
        return step.reshape(gradient.shape)

    def _weights(self, pull: Single) -> Single:
        rows = self.curvature.rows
        if rows is None:
            return product(product(pull, self.root.T), self.root)
        among_rows = product(product(product(pull, rows.T), self.root.T), self.root)
        return (pull - product(among_rows, rows)) / np.float32(self.l2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curvature:
    """The curvature of the log loss at one point, to which any strength can be added."""

    centre: Single  # float32 [d], the mean of the rows, weighted by their curvature
    bias_curvature: float  # the mean of s
    lower: Single  # float32, the lower triangle of rows.T @ rows [d, d], or of rows @ rows.T [m, m]
    rows: Single | None  # float32 [m, d], centred rows times sqrt(s / N), in the second case; None in the first

    def metric(self, l2: float) -> Metric:
        """The metric at strength l2."""
        return Metric(curvature=self, root=inverse_root(self.lower, added=l2), l2=l2)


def curvature_at(space: Space, labels: Labels, parameters: Parameters) -> Curvature:
    """The curvature at parameters [1, K, d + 1]."""
    width = space.matrix.shape[1]
    unsureness = _unsureness(space, labels, parameters)
    rows, weights = _sample(unsureness, most=SAMPLED_ROWS if width <= WIDEST else SAMPLED_ROWS_WIDE)
    centre = _centre(space, rows, weights)
    bias_curvature = max(float(unsureness.mean()), LEAST)
    if len(rows) < width:
        centred = _centred(space, rows, centre) * np.sqrt(weights)[:, None]
        lower = add_outer_product(centred.T, np.zeros((len(rows), len(rows)), dtype=np.float32, order="F"))
        return Curvature(centre=centre, bias_curvature=bias_curvature, lower=lower, rows=centred)
    lower = np.zeros((width, width), dtype=np.float32, order="F")
    for part in row_blocks(len(rows), size=ROWS_ADDED):
        centred = _centred(space, rows[part], centre) * np.sqrt(weights[part])[:, None]
        lower = add_outer_product(centred, lower)
    return Curvature(centre=centre, bias_curvature=bias_curvature, lower=lower, rows=None)


def _unsureness(space: Space, labels: Labels, parameters: Parameters) -> NDArray[np.float64]:
    """How unsure each row is, s = (1 - sum(p ** 2)) / (K - 1), float64 [N]."""
    weight, bias = scaled(space, parameters)
    result = np.empty(len(labels))
    for rows in row_blocks(len(labels)):
        logits = (product(space.block(rows), weight.T) + bias)[:, None, :]
        _, probabilities = softmax_loss(logits, labels[rows])
        # Not 1 - sum(p ** 2), which float32 rounds to 0 long before a sure picture stops to matter.
        result[rows] = (probabilities * (1 - probabilities)).sum(axis=(1, 2))
    result /= max(parameters.shape[1] - 1, 1)
    return result


def _sample(unsureness: NDArray[np.float64], *, most: int) -> tuple[NDArray[np.intp], Single]:
    """Rows in order and their weights, float32: the sum of weight * x x^T stands for the mean of s x x^T.

    Few rows are taken as they are, less the least of them. Of many, even marks along the running sum of s pick the rows
    they fall on: rows come as often as their curvature is large, without chance and without bias.
    """
    count, total = len(unsureness), float(unsureness.sum())
    if count <= most:
        order = np.argsort(unsureness, kind="stable")
        least = int(np.searchsorted(np.cumsum(unsureness[order]), NEGLIGIBLE * total))
        rows = np.sort(order[min(least, count - 1) :])
        return rows, (unsureness[rows] / count).astype(np.float32)
    marks = (np.arange(most) + 0.5) * (total / most)
    hits = np.minimum(np.searchsorted(np.cumsum(unsureness), marks), count - 1)
    rows, times = np.unique(hits, return_counts=True)
    return rows, (times * (total / most / count)).astype(np.float32)


def _centre(space: Space, rows: NDArray[np.intp], weights: Single) -> Single:
    """The weighted mean of the coordinates of rows, float32 [d]."""
    total = np.zeros((1, space.matrix.shape[1]), dtype=np.float64)
    for part in row_blocks(len(rows)):
        total += product(weights[None, part], space.matrix[rows[part]])
    mean = total[0] / max(float(weights.sum(dtype=np.float64)), np.finfo(np.float64).tiny)
    centre: Single = ((mean - space.shift) * space.scale).astype(np.float32)
    return centre


def _centred(space: Space, rows: NDArray[np.intp], centre: Single) -> Single:
    """The coordinates of rows less centre, float32 [m, d]."""
    block: Single = space.matrix[rows]
    block -= space.shift.astype(np.float32)
    block *= space.scale.astype(np.float32)
    block -= centre
    return block
