"""The sums that a head in closed form is made of: those of parts of a set, added, are those of the set.

Of N rows x with labels y and weights w they are the sum of w x xᵀ, the sum of w x and of w for each class, and N. They
grow with the features and the classes, not with the rows: rows may come a block at a time, from other days, machines or
sites. All of them are added in float64. A feature is one that float16 holds, so each product is exact, and what is
rounded is the sum: in whatever order and parts rows are added, sums of a million differ by less than 1e-12 of the
largest.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import DataError, UsageError
from tellapart.heads.linear import row_blocks
from tellapart.heads.products import add_outer_product
from tellapart.progress import Progress, Silent, in_stage
from tellapart.types import Features, Labels

STORED = np.dtype("<f8")
ROWS_ADDED = 1024  # at once: 24 MB in float64 at 3000 features

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over rows of features as the base gives them: neither centred nor standardised.

    Attributes:
        rows: N.
        counts: float64 [K], of the weights of each class: how many rows there are, where all weigh 1.
        totals: float64 [K, D], of w x of each class.
        products: float64 [D, D] in Fortran's order, of w x xᵀ; the lower triangle, what is above it is not to be read.
    """

    rows: int
    counts: Vector
    totals: Matrix
    products: Matrix

    def to_bytes(self) -> bytes:
        """Counts, totals, and the products of each column with itself and those behind it, little-endian float64."""
        products = (self.products[column:, column] for column in range(len(self.products)))
        return b"".join(part.astype(STORED).tobytes() for part in (self.counts, self.totals, *products))

    def part(self, columns: slice) -> Sums:
        """The sums of some of the columns, as a view."""
        return Sums(
            rows=self.rows,
            counts=self.counts,
            totals=self.totals[:, columns],
            products=self.products[columns, columns],
        )

    def among(self, places: NDArray[np.int64], *, class_count: int) -> Sums:
        """The same with its classes at other places int64 [K] among so many; those that it has not are 0."""
        counts, totals = np.zeros(class_count), np.zeros((class_count, self.totals.shape[1]))
        counts[places], totals[places] = self.counts, self.totals
        return Sums(rows=self.rows, counts=counts, totals=totals, products=self.products)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSums:
    """Sums that a model file is to hold.

    Attributes:
        sums: of the columns that the head reads, with the classes of the classifier.
        precision: what the base computed in when it saw the pictures.
        weighted: whether rows have other weights than 1.
    """

    sums: Sums
    precision: str
    weighted: bool

    def to_json(self) -> dict[str, Any]:
        """What model.json says of them."""
        classes, features = self.sums.totals.shape
        shape = {"rows": self.sums.rows, "classes": classes, "features": features}
        return {**shape, "of": "train", "precision": self.precision, "weighted": self.weighted}


def sums_of(
    features: Features,
    labels: Labels,
    *,
    class_count: int,
    weights: Vector | None = None,
    progress: Progress = Silent(),  # noqa: B008 - it has no state
) -> Sums:
    """The sums of rows float32 [N, D] with labels int64 [N] below class_count and weights float64 [N], None for 1 each.

    The rows may be a memory map: a block of them is in memory at a time.

    Raises:
        DataError: a feature is not finite.
    """
    width = features.shape[1]
    counts, totals = np.zeros(class_count), np.zeros((class_count, width))
    products: Matrix = np.zeros((width, width), order="F")
    with in_stage(progress, "Adding up what the base saw", total=len(labels), unit="pictures"):
        for rows in row_blocks(len(labels), size=ROWS_ADDED):
            block = features[rows].astype(np.float64, order="C")
            weight = np.ones(len(block)) if weights is None else weights[rows]
            counts += np.bincount(labels[rows], weights=weight, minlength=class_count)
            _add_by_class(block if weights is None else block * weight[:, None], labels[rows], into=totals)
            if weights is not None:
                block *= np.sqrt(weight)[:, None]
            products = add_outer_product(block, products)
            progress.advance(len(block))
    if not np.isfinite(products.diagonal()).all():
        raise DataError("a feature is not finite", hint="Clear the feature cache and run it again.")
    return Sums(rows=len(labels), counts=counts, totals=totals, products=products)


def sums_from_bytes(content: bytes, *, rows: int, class_count: int, width: int) -> Sums:
    """What `Sums.to_bytes` wrote, of so many rows, classes and features.

    Raises:
        ValueError: it is of another length, or not every number is one.
    """
    numbers = np.frombuffer(content, STORED)
    if len(numbers) != class_count + class_count * width + width * (width + 1) // 2 or not np.isfinite(numbers).all():
        raise ValueError("no sums of that shape")
    counts, totals, triangle = np.split(numbers, [class_count, class_count * (1 + width)])
    products: Matrix = np.zeros((width, width), order="F")
    start = 0
    for column in range(width):
        stop = start + width - column
        products[column:, column] = triangle[start:stop]
        start = stop
    return Sums(rows=rows, counts=counts.copy(), totals=totals.reshape(class_count, width).copy(), products=products)


def _add_by_class(block: Matrix, labels: Labels, *, into: Matrix) -> None:
    """Add rows float64 [n, D] to the totals float64 [K, D] of their classes."""
    order = np.argsort(labels, kind="stable")
    present, first = np.unique(labels[order], return_index=True)
    into[present] += np.add.reduceat(block[order], first, axis=0)


def add(parts: Iterable[Sums]) -> Sums:
    """The sums of all rows of several parts, one at least, with the same columns and classes in the same order.

    One sum is in memory beside the one that is added, so parts may come out of a generator.

    Raises:
        UsageError: there is no part, or the columns or classes of one are not as many as those of the others.
    """
    whole: Sums | None = None
    for part in parts:
        if whole is None:
            products = np.array(part.products, order="F")
            whole = Sums(rows=part.rows, counts=part.counts.copy(), totals=part.totals.copy(), products=products)
            continue
        if whole.totals.shape != part.totals.shape:
            what = f"sums of other shapes: {whole.totals.shape} and {part.totals.shape} classes and features"
            raise UsageError(what, hint="Add sums of one base, with the same classes.")
        np.add(whole.counts, part.counts, out=whole.counts)
        np.add(whole.totals, part.totals, out=whole.totals)
        np.add(whole.products, part.products, out=whole.products)
        whole = replace(whole, rows=whole.rows + part.rows)
    if whole is None:
        raise UsageError("no sums to add", hint="Give one part at least.")
    return whole
