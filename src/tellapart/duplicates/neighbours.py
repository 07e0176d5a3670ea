"""Each picture's nearest others, in time that grows as N log N.

Beside the rows it holds row numbers and pairs, which grow as N; similarities are held of one block at a time.
Up to LEAF pictures are compared all with all, as blocks of one matrix product. More are first divided in two along the
direction they differ most in, and each half again; the halves overlap, so that two pictures that are nearly alike end
up together on at least one side.

Legend: N pictures, n of a leaf, P pairs, d coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart.duplicates.shown import in_slices
from tellapart.text import counted
from tellapart.workers.pool import HERE, Workers

LEAF: Final = 4096  # pictures compared all with all
BLOCK: Final = 256  # of them at a time: 4 MB, which stay in the cache while they are gone through again and again
OVERLAP: Final = 0.1  # the share of pictures on each side of the middle that go into both halves
SAMPLE: Final = 2048  # pictures a direction is told from
FRESH: Final = 1_000_000  # pairs found that are put to the others at once, 8 MB
Points = NDArray[np.float32]  # [N, d]
RowNumbers = NDArray[np.int64]  # [n]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Pictures that are compared all with all: float32 [n, d], and what a mirror turns the sign of, or None."""

    even: Points
    odd: Points | None

    def told(self) -> str:
        """What is done with it, for people."""
        return f"comparing {counted(len(self.even), 'fingerprint')} all with all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What is near each of the pictures of a leaf: pairs of places int32 [P, 2], and how many there are, int64 [n]."""

    pairs: NDArray[np.int32]
    crowd: NDArray[np.int64]


def near_rows(
    even: Points,
    odd: Points | None = None,
    *,
    most: int,
    least: float,
    counted: bool = True,
    workers: Workers = HERE,
) -> tuple[RowNumbers, RowNumbers]:
    """Pairs int64 [P, 2] of each row with its nearest others, rising; and how many are near it at all, int64 [N].

    There are at most `most` others (twice that where halves overlap), of a cosine of at least `least`. Rows [even, odd]
    have length 1: what a mirror leaves as it is, and what it turns the sign of (None for none). A pair is as similar as
    the more similar of picture and mirror image: even . even + |odd . odd|. What is not to be counted is 0.
    """
    crowd = np.zeros(len(even), np.int64)
    leaves = list(_leaves(even, np.arange(len(even))))
    pieces = (Leaf(even=even[rows], odd=None if odd is None else odd[rows]) for rows in leaves)
    keys, fresh = np.empty(0, np.int64), [np.empty(0, np.int64)]
    near = workers.map(partial(near_in_leaf, most=most, least=least, counted=counted), pieces, told=Leaf.told)
    for rows, found in zip(leaves, near, strict=True):
        left, right = rows[found.pairs].T
        fresh.append(np.minimum(left, right) * len(even) + np.maximum(left, right))
        crowd[rows] = np.maximum(crowd[rows], found.crowd)
        if sum(map(len, fresh)) > max(len(keys), FRESH):  # twice as many each time, so that all is copied twice
            keys, fresh = distinct(np.concatenate([keys, *fresh])), []
    keys = distinct(np.concatenate([keys, *fresh]))
    return np.stack(np.divmod(keys, max(1, len(even))), axis=1), crowd


def _leaves(points: Points, rows: RowNumbers) -> Iterator[RowNumbers]:
    if len(rows) <= LEAF:
        yield rows
        return
    sample = points[rows[:: max(1, len(rows) // SAMPLE)]]
    direction, along = _direction(sample - sample.mean(axis=0)), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), LEAF):
        along[start : start + LEAF] = points[rows[start : start + LEAF]] @ direction
    ordered = rows[np.argsort(along, kind="stable")]
    middle, overlap = len(rows) // 2, int(len(rows) * OVERLAP)
    yield from _leaves(points, ordered[: middle + overlap])
    yield from _leaves(points, ordered[middle - overlap :])


def _direction(centred: Points) -> NDArray[np.float32]:
    """The direction [d] in which rows differ most, by a few steps of the power method."""
    direction = centred[np.argmax(np.einsum("nd,nd->n", centred, centred))]
    for _ in range(8):
        direction = centred.T @ (centred @ direction)
        direction = direction / max(float(np.linalg.norm(direction)), 1e-12)
    result: NDArray[np.float32] = direction
    return result


def near_in_leaf(leaf: Leaf, *, most: int, least: float, counted: bool) -> Near:
    """The `most` nearest of each picture of a leaf that have a cosine of at least `least`."""
    # A thread for each block instead of several for each product: most of the time goes into what follows the product.
    near_in = partial(_near_in_block, leaf, most=most, least=least, counted=counted)
    found = in_slices(near_in, count=len(leaf.even), size=BLOCK)
    return Near(
        pairs=np.concatenate([near.pairs for near in found]), crowd=np.concatenate([near.crowd for near in found])
    )


def _near_in_block(leaf: Leaf, block: slice, *, most: int, least: float, counted: bool) -> Near:
    similar = leaf.even[block] @ leaf.even.T
    if leaf.odd is not None:
        similar += np.abs(leaf.odd[block] @ leaf.odd.T)
    numbers = np.arange(len(similar))
    similar[numbers, block.start + numbers] = -1
    crowd = np.zeros(len(similar), np.int64)
    if counted:
        crowd[:] = [np.count_nonzero(row) for row in similar >= least]  # faster than along an axis
    pairs = [np.empty((0, 2), np.int32)]
    for _ in range(min(most, len(leaf.even) - 1)):
        nearest = similar.argmax(axis=1)
        close = similar[numbers, nearest] >= least
        similar[numbers, nearest] = -1
        pairs.append(np.stack([block.start + numbers[close], nearest[close]], axis=1).astype(np.int32))
        if not close.any():
            break
    return Near(pairs=np.concatenate(pairs), crowd=crowd)


def distinct_pairs(pairs: RowNumbers) -> RowNumbers:
    """The different ones of pairs int64 [P, 2] of places, rising."""
    first, second = pairs.T
    most = int(pairs.max(initial=0)) + 1
    return np.stack(np.divmod(distinct(first * most + second), most), axis=1)


def distinct(numbers: RowNumbers) -> RowNumbers:
    """The different ones of some numbers, rising: `np.unique`, which takes 70 times as long for two million."""
    rising = np.sort(numbers)
    once: RowNumbers = rising[np.diff(rising, prepend=rising[:1] - 1) != 0]
    return once


def unit(points: Points) -> Points:
    """Rows divided by their length, in place; a row of nothing stays nothing."""
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    return points
