"""A linear head in closed form: ridge regression on the classes, with exact leave-one-out scores.

For standardised columns x, one-hot labels y and a strength l2 the head is the minimum of the mean of |y - W x - b| ** 2
plus l2 |W| ** 2. All it needs of the rows are sums (`heads.sums`), so its time is one pass over the features however
many classes there are, and it is the same head whoever added up what. A row's answer by the head that all others make
follows without fitting another one (Allen 1974, doi:10.1080/00401706.1974.10489157): with its leverage h, the part that
it has in its own answer f, that answer is (f - h y) / (1 - h).

Answers near 0 and 1 are no logits. They become logits by one scale, the one whose log loss on the answers of left-out
rows is least.

Legend: n pictures at hand, D features, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError
from tellapart.heads.dual_space import COLUMNS_AT_ONCE, Matrix, Standard, Vector, shrunk_standard
from tellapart.heads.linear import LinearHead, row_blocks
from tellapart.heads.objective import softmax_loss
from tellapart.heads.products import Single, product
from tellapart.heads.sums import Sums
from tellapart.types import Features, Labels

SCORED = 4096  # rows whose answers are left out: all of fewer, else evenly spread ones; the log loss is right to 0.01
ROWS_SCORED = 1024  # at once
SCALES = (0.0, math.log(1000.0))  # of the log scale
CLOSE = 1e-3  # of the log scale
MOST_LEVERAGE = 1 - 1e-6  # a row that alone decides its own answer says nothing when it is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What a ridge head is made of: weighted means over the training rows, of standardised columns."""

    standard: Standard  # float64 [D], how columns are standardised; by the weighted mean and deviation
    gram: Single  # float32 [D, D], the lower triangle of the mean of x x^T
    cross: Matrix  # float64 [D, K], the mean of x y^T, y less its own mean
    shares: Vector  # float64 [K], the mean of y
    total: float  # the sum of the weights


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeFit:
    """A ridge head at one strength."""

    l2: float
    weight: Matrix  # float64 [D, K], for standardised columns; before the scale
    moments: Moments
    scale: float  # what answers are multiplied by to be logits
    log_loss: float  # of left-out rows, in nats, at that scale
    accuracy: float  # of left-out rows

    def head(self, *, start: int) -> LinearHead:
        """The head for raw features, whose logits are scaled; it reads the columns from start on."""
        return unstandardised_head(self.weight, self.moments, scale=self.scale, start=start)


def moments_of(sums: Sums) -> Moments:
    """The means that sums of training rows give.

    Raises:
        DataError: a sum is not finite, or there is no row.
    """
    total = float(sums.counts.sum())
    if not total > 0 or not np.isfinite(total) or not np.isfinite(sums.products.diagonal()).all():
        raise DataError("sums of no rows, or of features that are not finite", hint="Add them up again.")
    mean = sums.totals.sum(axis=0) / total
    deviation = np.sqrt(np.maximum(sums.products.diagonal() / total - mean**2, 0.0))
    standard = shrunk_standard(mean, deviation, count=sums.rows)
    inverse = standard.inverse_deviation
    gram = np.empty(sums.products.shape, np.float32, order="F")
    for columns in row_blocks(len(mean), size=COLUMNS_AT_ONCE):
        part = sums.products[:, columns] / total
        part -= np.outer(mean, mean[columns])
        part *= inverse[:, None]
        gram[:, columns] = part * inverse[columns]
    cross = (sums.totals - sums.counts[:, None] * mean) * (inverse / total)
    return Moments(standard=standard, gram=gram, cross=cross.T, shares=sums.counts / total, total=total)


def ridge_head(moments: Moments, *, l2: float, scale: float = 1.0, start: int = 0) -> LinearHead:
    """The head at one strength where there are no rows at hand to choose its scale by.

    The class that it answers is the same at any scale; for probabilities `ridge_fit` finds the scale by some rows.
    """
    root = inverse_root_of(moments.gram, added=l2)
    return unstandardised_head(root.T @ (root @ moments.cross), moments, scale=scale, start=start)


def unstandardised_head(weight: Matrix, moments: Moments, *, scale: float, start: int) -> LinearHead:
    """The head for raw features of weights float64 [D, K] for standardised ones."""
    raw = scale * weight * moments.standard.inverse_deviation[:, None]
    return LinearHead(
        weight=raw.astype(np.float32),
        bias=(scale * moments.shares - moments.standard.mean @ raw).astype(np.float32),
        start=start,
        stop=start + len(raw),
    )


def standardised(features: Features, standard: Standard) -> Single:
    """A copy of rows float32 [n, D], standardised."""
    block = features - standard.mean.astype(np.float32)
    block *= standard.inverse_deviation.astype(np.float32)
    return np.ascontiguousarray(block)


def ridge_fit(
    moments: Moments, features: Features, labels: Labels, *, l2: float, weights: NDArray[np.float64] | None = None
) -> RidgeFit:
    """The head at one strength, and how it answers about rows that it is made without.

    Args:
        moments: of the training rows.
        features: float32 [n, D], training rows: all of them, or some that stand for all.
        labels: int64 [n].
        l2: the strength.
        weights: float64 [n], those that the rows have in the moments; None for 1 each.
    """
    root = inverse_root_of(moments.gram, added=l2)
    weight: Matrix = root.T @ (root @ moments.cross)
    rows = scored_rows(len(labels))
    part = np.full(len(rows), 1 / moments.total) if weights is None else weights[rows] / moments.total
    answers, leverage = np.empty((len(rows), len(moments.shares))), np.empty(len(rows))
    narrow, steep = weight.astype(np.float32), root.T.astype(np.float32)
    for some in row_blocks(len(rows), size=ROWS_SCORED):
        block = standardised(features[rows[some]], moments.standard)
        answers[some] = product(block, narrow) + moments.shares
        leverage[some] = 1 + np.square(product(block, steep), dtype=np.float64).sum(axis=1)
    left_out = leave_out(answers, labels[rows], np.minimum(part * leverage, MOST_LEVERAGE))
    scale, log_loss = fit_scale(left_out, labels[rows], weights=None if weights is None else part)
    right = left_out.argmax(axis=1) == labels[rows]
    accuracy = float(np.average(right, weights=None if weights is None else part))
    return RidgeFit(l2=l2, weight=weight, moments=moments, scale=scale, log_loss=log_loss, accuracy=accuracy)


def scored_rows(count: int) -> NDArray[np.int64]:
    """Of so many training rows, those whose answers are left out."""
    return np.unique(np.linspace(0, count - 1, min(SCORED, count)).round().astype(np.int64))


def inverse_root_of(lower: Single, *, added: float) -> Matrix:
    """A lower triangle float64 T with T.T @ T the inverse of (lower + added * identity)."""
    from scipy.linalg.lapack import dpotrf, dtrtri

    added += float(np.finfo(np.float32).eps) * float(lower.diagonal().mean())
    while True:
        damped = np.array(lower, np.float64, order="F")
        damped.flat[:: len(lower) + 1] += added
        factor, failed = dpotrf(damped, lower=1, clean=1, overwrite_a=1)
        if not failed:
            root: Matrix = dtrtri(factor, lower=1, overwrite_c=1)[0]
            return root
        added *= 10


def leave_out(answers: Matrix, labels: Labels, leverage: Vector) -> Matrix:
    """Answers float64 [n, K] of rows by the heads that all other rows make, from those of the head of all rows."""
    left_out: Matrix = answers.copy()
    left_out[np.arange(len(labels)), labels] -= leverage
    left_out /= (1 - leverage)[:, None]
    return left_out


def fit_scale(answers: Matrix, labels: Labels, *, weights: NDArray[np.float64] | None = None) -> tuple[float, float]:
    """The scale that makes the log loss of answers float64 [n, K] least, and that log loss."""
    from scipy.optimize import minimize_scalar

    def loss(log_scale: float) -> float:
        losses, _ = softmax_loss((answers * math.exp(log_scale))[:, None, :], labels)
        return float(np.average(losses[:, 0], weights=weights))

    found = minimize_scalar(loss, bounds=SCALES, method="bounded", options={"xatol": CLOSE})
    return math.exp(float(found.x)), float(found.fun)
