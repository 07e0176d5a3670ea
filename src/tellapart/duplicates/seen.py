"""What a base saw of pictures at its last depth, in few coordinates: of rows in memory, or left where they were seen.

Legend: N pictures, n of them, D features, d of them at the last depth, w coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.neighbours import SAMPLE, Points, RowNumbers, unit
from tellapart.duplicates.shown import in_slices
from tellapart.features.take import SomeColumns, Take
from tellapart.types import Features, Index

WIDTH: Final = 96  # coordinates that features are compared in


class SeenRows(Protocol):
    """Features of pictures, wherever they are; `features.left.LeftFeatures` are such."""

    def take(self, rows: RowNumbers, take: Take) -> Features:
        """What is taken of the features of n rows, float32 [n, w]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenHere:
    """Those in memory, float32 [N, D], of the pictures of an index."""

    features: Features
    index: Index

    def take(self, rows: RowNumbers, take: Take) -> Features:
        """Of SAMPLE rows at a time."""
        taken = np.empty((len(rows), take.width), np.float32)

        def fill(some: slice) -> None:
            taken[some] = take(self.features[rows[some]], self.index)

        in_slices(fill, count=len(rows), size=SAMPLE)
        return taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """The directions that the last depth of pictures differs most in.

    Attributes:
        start, stop: its columns.
        basis: float32 [d, w].
        middle: float32 [w], where the mean lies along them.
    """

    start: int
    stop: int
    basis: NDArray[np.float32]
    middle: NDArray[np.float32]

    @property
    def width(self) -> int:
        """Their number, w."""
        return len(self.middle)

    def __call__(self, features: Features, index: Index) -> Points:  # noqa: ARG002
        """Where pictures of features float32 [n, D] lie along them, less the mean: [n, w], of length 1.

        Sums are taken in float64 and rounded, as a head's are: where a picture lies does not depend on the others of
        the part that a worker was dealt. They are so before the mean is taken off, since along a direction in which
        pictures do not differ nothing would be left but what rounding has to hide.
        """
        along = features[:, self.start : self.stop].astype(np.float64) @ self.basis.astype(np.float64)
        return unit(along.astype(np.float32) - self.middle)


def points_of(seen: SeenRows, rows: RowNumbers, *, last: slice, width: int = WIDTH) -> Points:
    """Some columns of n rows, less their mean, in the directions they differ most in: [n, w], of length 1.

    Source: the randomised range finder of Halko, Martinsson and Tropp (2011), algorithm 4.4, on a sample.
    """
    sample = seen.take(rows[:: max(1, len(rows) // SAMPLE)], SomeColumns(start=last.start, stop=last.stop))
    mean = sample.mean(axis=0)
    sample -= mean
    width = min(width, *sample.shape)
    random = np.random.default_rng(0).standard_normal((sample.shape[1], width), dtype=np.float32)
    basis = np.linalg.qr(sample.T @ (sample @ random))[0]
    basis = np.linalg.qr(sample.T @ (sample @ basis))[0]
    return seen.take(rows, Axes(start=last.start, stop=last.stop, basis=basis, middle=mean @ basis))
