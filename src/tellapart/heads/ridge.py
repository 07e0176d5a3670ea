"""A linear head in closed form: ridge regression on the classes, with exact leave-one-out scores.

For standardised columns x, one-hot labels y and a strength l2 the head is the minimum of the mean of |y - W x - b| ** 2
plus l2 |W| ** 2. All it needs of the rows are sums (of x x^T, of x y^T, of y), so its time is one pass over the
features however many classes there are, and the sums of parts add up. A row's answer by the head that all others make
follows without fitting another one (Allen 1974, doi:10.1080/00401706.1974.10489157): with its leverage h, the part that
it has in its own answer f, that answer is (f - h y) / (1 - h).

Answers near 0 and 1 are no logits. They become logits by one scale, the one whose log loss on the answers of left-out
rows is least.

Legend: N pictures, n of them scored, D features, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import Matrix, Standard, Vector, column_standard
from tellapart.heads.linear import LinearHead, row_blocks
from tellapart.heads.objective import softmax_loss
from tellapart.heads.products import Single, add_outer_product, product
from tellapart.types import Features, Labels

SCORED = 4096  # rows whose answers are left out: all of fewer, else evenly spread ones; the log loss is right to 0.01
ROWS_ADDED = 1024  # at once to the sums
SCALES = (0.0, math.log(1000.0))  # of the log scale
CLOSE = 1e-3  # of the log scale
MOST_LEVERAGE = 1 - 1e-6  # a row that alone decides its own answer says nothing when it is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What a ridge head is made of: weighted means over the training rows, of standardised columns."""

    standard: Standard  # float64 [D], how columns are standardised
    gram: Single  # float32 [D, D], the lower triangle of the mean of x x^T
    cross: Matrix  # float64 [D, K], the mean of x y^T, x less its mean and y less its own
    centre: Vector  # float64 [D], the mean of x: 0 but for weights
    shares: Vector  # float64 [K], the mean of y

    def part(self, columns: slice) -> Sums:
        """The sums of some of the columns."""
        standard = Standard(
            mean=self.standard.mean[columns], inverse_deviation=self.standard.inverse_deviation[columns]
        )
        return Sums(
            standard=standard,
            gram=self.gram[columns, columns],
            cross=self.cross[columns],
            centre=self.centre[columns],
            shares=self.shares,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeFit:
    """A ridge head at one strength."""

    l2: float
    weight: Matrix  # float64 [D, K], for standardised columns less their centre; before the scale
    sums: Sums
    scale: float  # what answers are multiplied by to be logits
    log_loss: float  # of left-out rows, in nats, at that scale
    accuracy: float  # of left-out rows

    def head(self, *, start: int) -> LinearHead:
        """The head for raw features, whose logits are scaled; it reads the columns from start on."""
        standard = self.sums.standard
        raw = self.scale * self.weight * standard.inverse_deviation[:, None]
        centre = standard.mean + np.divide(
            self.sums.centre,
            standard.inverse_deviation,
            out=np.zeros(len(self.sums.centre)),
            where=standard.inverse_deviation > 0,
        )
        return LinearHead(
            weight=raw.astype(np.float32),
            bias=(self.scale * self.sums.shares - centre @ raw).astype(np.float32),
            start=start,
            stop=start + len(raw),
        )


def ridge_sums(
    features: Features, labels: Labels, *, class_count: int, weights: NDArray[np.float64] | None = None
) -> Sums:
    """The sums of training rows float32 [N, D] with labels int64 [N], in one pass; each row counts by its weight.

    Raises:
        DataError: a feature is not finite.
    """
    standard, (count, width) = column_standard(features), features.shape
    weight = np.ones(count) if weights is None else weights
    total = float(weight.sum())
    gram = np.zeros((width, width), np.float32, order="F")
    cross, centre = np.zeros((class_count, width)), np.zeros(width)
    for rows in row_blocks(count, size=ROWS_ADDED):
        block, part = standardised(features[rows], standard), (weight[rows] / total).astype(np.float32)
        gram = add_outer_product(block * np.sqrt(part)[:, None], gram)
        one_hot = np.zeros((len(block), class_count), np.float32)
        one_hot[np.arange(len(block)), labels[rows]] = part
        cross += product(one_hot.T, block)
        centre += part @ block
    shares = np.bincount(labels, weights=weight, minlength=class_count) / total
    gram -= np.outer(centre, centre).astype(np.float32)
    return Sums(standard=standard, gram=gram, cross=cross.T - np.outer(centre, shares), centre=centre, shares=shares)


def standardised(features: Features, standard: Standard) -> Single:
    """A copy of rows float32 [n, D], standardised."""
    block = features - standard.mean.astype(np.float32)
    block *= standard.inverse_deviation.astype(np.float32)
    return np.ascontiguousarray(block)


def ridge_fit(
    sums: Sums, features: Features, labels: Labels, *, l2: float, weights: NDArray[np.float64] | None = None
) -> RidgeFit:
    """The head at one strength; features float32 [N, D], labels and weights are the rows that the sums are of."""
    root = inverse_root_of(sums.gram, added=l2)
    weight: Matrix = root.T @ (root @ sums.cross)
    rows = np.unique(np.linspace(0, len(labels) - 1, min(SCORED, len(labels))).round().astype(np.int64))
    total = float(len(labels) if weights is None else weights.sum())
    part = np.full(len(rows), 1 / total) if weights is None else weights[rows] / total
    answers, leverage = np.empty((len(rows), len(sums.shares))), np.empty(len(rows))
    narrow, steep = weight.astype(np.float32), root.T.astype(np.float32)
    for some in row_blocks(len(rows), size=ROWS_ADDED):
        block = standardised(features[rows[some]], sums.standard) - sums.centre.astype(np.float32)
        answers[some] = product(block, narrow) + sums.shares
        leverage[some] = 1 + np.square(product(block, steep), dtype=np.float64).sum(axis=1)
    left_out = leave_out(answers, labels[rows], np.minimum(part * leverage, MOST_LEVERAGE))
    scale, log_loss = fit_scale(left_out, labels[rows], weights=None if weights is None else part)
    right = left_out.argmax(axis=1) == labels[rows]
    accuracy = float(np.average(right, weights=None if weights is None else part))
    return RidgeFit(l2=l2, weight=weight, sums=sums, scale=scale, log_loss=log_loss, accuracy=accuracy)


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
