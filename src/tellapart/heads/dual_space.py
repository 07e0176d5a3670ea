"""The space a head is searched in: standardised columns, or the space of the rows where there are fewer rows.

An L2 penalty does not change under rotation, so where N < D the D features may be replaced by the N coordinates of the
pictures in the space that their own rows span: nothing is lost, and each product costs N / D of what it did. The
coordinates are the Cholesky factor of the Gram matrix of the standardised rows.

Standardisation is never applied to the matrix. With mean m, deviation s and weights V for standardised columns,

    logits   = ((X - m) / s) @ V.T + b  =  X @ (V / s).T + (b - (V / s) @ m)
    gradient = R.T @ ((X - m) / s)      =  (R.T @ X - sum(R) * m) / s

so it costs two passes over V and no copy of X.

Columns of one depth come out of the same activation and differ in scale by what they say: a deviation of its own for
each makes the dull ones as loud as the telling ones. Columns of several depths have nothing in common. So s is either
the deviation of the column (OWN), or that of the median column for all (COMMON).

Legend: N pictures, D features, d coordinates (D, or N in the space of the rows), K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError
from tellapart.heads.linear import LinearHead, row_blocks
from tellapart.heads.products import product
from tellapart.types import Features

ROW_SPACE_LIMIT = 2200  # rows; the float64 triangle, its float32 copy and what the metric keeps are then 116 MB
COLUMNS_AT_ONCE = 512
SMALL = 2**25  # bytes; a strided part of the features this small is copied once instead of block by block
TYPICAL_PICTURES = 20  # that the median deviation counts as beside the training pictures' own
# A deviation below this part of the mean is no signal: features are kept as float16, whose next value is this far away
# at most, and what is rounded differs from what a graph computes.
CONSTANT = 2.0**-10
ColumnScale = Literal["own", "common"]
OWN: Final = "own"
COMMON: Final = "common"
RIDGE = 1e-10  # of the mean diagonal: lifts the exact zeros of the Gram matrix (twins, and the mean itself)

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """Mean and inverse deviation float64 [D] of columns, see `shrunk_standard`; 0 for a column without a scale."""

    mean: Vector
    inverse_deviation: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Coordinates of the training pictures, and the way back to the features."""

    matrix: NDArray[np.float32]  # float32 [N, d]; the coordinates are (matrix - shift) * scale
    shift: Vector  # float64 [d]
    scale: Vector  # float64 [d]
    features: Features  # float32 [N, D], the training rows the space was made of
    standard: Standard  # how the columns of features are standardised
    triangle: Matrix | None = None  # float64 [N, N], the Cholesky factor that matrix is a copy of; None where d is D

    def block(self, rows: slice) -> NDArray[np.float32]:
        """Some rows of the matrix, C-ordered as BLAS wants them."""
        return np.ascontiguousarray(self.matrix[rows])

    def head(self, weights: Matrix, bias: Vector, *, start: int) -> LinearHead:
        """The head for raw features that weights [K, d] and bias [K] in this space stand for."""
        raw = self._standardised(weights) * self.standard.inverse_deviation
        return LinearHead(
            weight=np.ascontiguousarray(raw.T, dtype=np.float32),
            bias=(bias - raw @ self.standard.mean).astype(np.float32),
            start=start,
            stop=start + len(self.standard.mean),
        )

    def _standardised(self, weights: Matrix) -> Matrix:
        """Weights [K, D] for standardised features, of the same norm as weights [K, d]."""
        if self.triangle is None:
            return weights
        from scipy.linalg import solve_triangular

        rows = solve_triangular(self.triangle, weights.T, lower=True, trans="T", check_finite=False)  # [N, K]
        rows -= rows.mean(axis=0)  # centred features are blind to it, and it is where the triangle is nearly singular
        raw = np.zeros((len(weights), self.features.shape[1]))
        for part in row_blocks(len(rows)):
            raw += product(rows[part].T.astype(np.float32), np.ascontiguousarray(self.features[part]))
        return raw * self.standard.inverse_deviation  # less sum(rows) * mean, but the rows now sum to 0


def training_space(features: Features, scale: ColumnScale = OWN) -> Space:
    """The cheaper of the two spaces for training rows float32 [N, D]; a DataError where a feature is not finite."""
    standard = column_standard(features, scale)
    if len(features) < min(features.shape[1], ROW_SPACE_LIMIT + 1):
        return _row_space(features, standard)
    return Space(
        matrix=np.ascontiguousarray(features) if features.nbytes <= SMALL else features,
        shift=standard.mean,
        scale=standard.inverse_deviation,
        features=features,
        standard=standard,
    )


def column_standard(features: Features, scale: ColumnScale = OWN) -> Standard:
    """Mean and inverse deviation of each column, in float64, in one pass over blocks of rows.

    The sums are of differences to the first row, so that a large mean does not eat the digits of a small deviation.
    """
    count, width = features.shape
    first = features[0].astype(np.float64)
    total, squares = np.zeros(width), np.zeros(width)
    for rows in row_blocks(count):
        difference = features[rows] - first
        total += difference.sum(axis=0)
        squares += np.einsum("nd,nd->d", difference, difference)
    if not np.isfinite(squares).all():
        raise DataError("a feature is not finite", hint="Clear the feature cache and run it again.")
    mean = first + total / count
    deviation = np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))
    return shrunk_standard(mean, deviation, count=count, scale=scale)


def shrunk_standard(mean: Vector, deviation: Vector, *, count: int, scale: ColumnScale = OWN) -> Standard:
    """How columns are standardised whose mean and deviation float64 [D] over so many rows are these.

    The squared deviation s² of N rows is drawn towards that of the median column m as if TYPICAL_PICTURES more of its
    kind had been seen: (N s² + 20 m²) / (N + 20). A few pictures cannot tell a column that hardly varies from one that
    they happen not to excite; divided by its own tiny deviation, that column would decide for the one picture that
    does (docs/log.md, 2026-11-25). A column that is constant in a large set stays nearly so. On a COMMON scale it is m
    for all.
    """
    varies = deviation > CONSTANT * np.maximum(np.abs(mean), np.finfo(np.float32).tiny)
    typical = float(np.median(deviation[varies])) if varies.any() else 0.0
    if scale == COMMON:
        shrunk = np.full(len(mean), typical)
    else:
        shrunk = np.sqrt((count * deviation**2 + TYPICAL_PICTURES * typical**2) / (count + TYPICAL_PICTURES))
    return Standard(mean=mean, inverse_deviation=np.divide(1.0, shrunk, out=np.zeros(len(mean)), where=varies))


def _row_space(features: Features, standard: Standard) -> Space:
    from scipy.linalg import cholesky

    gram = _gram(features, standard)
    count = len(gram)
    gram.flat[:: count + 1] += RIDGE * max(float(gram.diagonal().mean()), 1.0)
    triangle = cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
    return Space(
        matrix=np.ascontiguousarray(triangle, dtype=np.float32),
        shift=np.zeros(count),
        scale=np.ones(count),
        features=features,
        standard=standard,
        triangle=triangle,
    )


def _gram(features: Features, standard: Standard) -> Matrix:
    """The lower triangle of the products of standardised rows, float64 [N, N]; the upper one is not to be read."""
    from scipy.linalg.blas import dsyrk

    count, width = features.shape
    gram = np.zeros((count, count), order="F")
    for first in range(0, width, COLUMNS_AT_ONCE):
        part = slice(first, first + COLUMNS_AT_ONCE)
        columns = (features[:, part] - standard.mean[part]) * standard.inverse_deviation[part]
        gram = dsyrk(1.0, columns.T, beta=1.0, c=gram, trans=1, lower=1, overwrite_c=1)
    return gram
