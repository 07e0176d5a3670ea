"""Rows of features that a head is searched by: in memory, or left with whoever looked at the pictures.

A search asks for some rows, for sums over many (`heads.sums`), and how heads fare on others. Rows in memory are added
up and judged here, rows that were left by the same functions where they are, so what comes is the same but for the
last digits.

Legend: N rows, n of them, M that judge, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tellapart.data.groups import label_numbers
from tellapart.features.left import LeftFeatures
from tellapart.heads.linear import LinearHead
from tellapart.heads.objective import softmax_loss
from tellapart.heads.summing import sum_up
from tellapart.heads.sums import Sums, sums_of
from tellapart.progress import PartOfStage, Progress, in_stage
from tellapart.types import Features, Index, Labels

ADDING = "Adding up what the base saw"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedHead:
    """How a head fares on n rows."""

    losses: NDArray[np.float64]  # float64 [n], the log loss of each in nats
    right: NDArray[np.bool_]  # bool [n], whether it answers the class that is given


class FeatureRows(Protocol):
    """Rows of features, wherever they are."""

    def at(self, rows: slice | NDArray[np.int64], columns: slice) -> Features:
        """Some columns of some rows, float32 [n, d]."""

    def sums(
        self, rows: slice, labels: Labels, *, columns: slice, weights: NDArray[np.float64] | None, progress: Progress
    ) -> Sums:
        """The sums of n rows with labels int64 [n], every one from 0 to K - 1 there, and weights float64 [n]."""

    def judged(self, rows: slice, labels: Labels, heads: Sequence[LinearHead]) -> list[JudgedHead]:
        """How each head fares on those of M rows whose label int64 [M] is not -1."""


@dataclass(frozen=True, slots=True)
class RowsHere:
    """Rows float32 [N, D] in memory, or in a file that is mapped into it."""

    features: Features

    def at(self, rows: slice | NDArray[np.int64], columns: slice) -> Features:
        """A view of rows that are a slice."""
        return self.features[rows, columns]

    def sums(
        self, rows: slice, labels: Labels, *, columns: slice, weights: NDArray[np.float64] | None, progress: Progress
    ) -> Sums:
        """Added up a block at a time."""
        features, count = self.features[rows, columns], int(labels.max()) + 1
        return sums_of(features, labels, class_count=count, weights=weights, progress=progress)

    def judged(self, rows: slice, labels: Labels, heads: Sequence[LinearHead]) -> list[JudgedHead]:
        """One head after the other."""
        known = labels >= 0
        return [judged(head.logits(self.features[rows])[known], labels[known]) for head in heads]


@dataclass(frozen=True, slots=True)
class RowsLeft:
    """Rows that are with the workers who looked."""

    left: LeftFeatures

    def at(self, rows: slice | NDArray[np.int64], columns: slice) -> Features:
        """They are brought."""
        return self.left.columns(self._numbers(rows), columns)

    def sums(
        self, rows: slice, labels: Labels, *, columns: slice, weights: NDArray[np.float64] | None, progress: Progress
    ) -> Sums:
        """Added up by the workers."""
        numbers = self._numbers(rows)
        index = self.left.at(numbers)
        names = {label: picture.label or "" for label, picture in zip(labels.tolist(), index.pictures, strict=True)}
        pictures = index.pictures
        if weights is None:  # all count alike, whatever that is
            pictures = tuple(each if each.weight == 1 else replace(each, weight=1.0) for each in pictures)
        index = replace(index, pictures=pictures, classes=tuple(names[label] for label in range(len(names))))
        with in_stage(progress, ADDING, total=len(numbers), unit="pictures"):
            summed = sum_up(
                index,
                self.left.base,
                columns=columns,
                progress=PartOfStage(progress, steps=len(numbers)),
                workers=self.left.workers,
            )
        self.left.check_same(numbers, summed.ledger, summed.digests)
        return summed.sums

    def judged(self, rows: slice, labels: Labels, heads: Sequence[LinearHead]) -> list[JudgedHead]:
        """All heads in one pass of the workers."""
        numbers = self._numbers(rows)[labels >= 0]
        if not heads or not len(numbers):
            return [judged(np.empty((0, len(head.bias))), labels[:0]) for head in heads]
        index = self.left.at(numbers)
        places = np.full(len(index.classes), -1)
        places[label_numbers(index.pictures, index.classes)] = labels[labels >= 0]
        taken = self.left.take(numbers, Judging(heads=tuple(heads), places=places)).astype(np.float64)
        return [
            JudgedHead(losses=taken[:, 2 * place], right=taken[:, 2 * place + 1] > 0) for place in range(len(heads))
        ]

    def _numbers(self, rows: slice | NDArray[np.int64]) -> NDArray[np.int64]:
        return np.arange(len(self.left.index.pictures))[rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How heads fare on a picture: of each of them the log loss, and 1 for a right answer or 0.

    Attributes:
        heads: of the same K classes.
        places: int64, where each class of the index is among these K.
    """

    heads: tuple[LinearHead, ...]
    places: NDArray[np.int64]

    @property
    def width(self) -> int:
        """Two columns a head."""
        return 2 * len(self.heads)

    def __call__(self, features: Features, index: Index) -> Features:
        """float32 [n, 2 H] of features float32 [n, D] for H heads."""
        labels = self.places[label_numbers(index.pictures, index.classes)]
        each = (judged(head.logits(features), labels) for head in self.heads)
        return np.stack([column for one in each for column in (one.losses, one.right)], axis=1).astype(np.float32)


def judged(logits: NDArray[np.float64], labels: Labels) -> JudgedHead:
    """How logits float64 [n, K] fare beside labels int64 [n]."""
    losses, _ = softmax_loss(logits[:, None, :], labels)
    return JudgedHead(losses=losses[:, 0], right=logits.argmax(axis=1) == labels)
