"""Whether a picture is like any that was trained on: the nearest of some typical directions of the features.

Legend: N pictures, D features of all depths, d features of the last depth, R typical directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart import seeds
from tellapart.heads.linear import row_blocks
from tellapart.types import Features

FALSE_ALARMS = 0.03  # the share of pictures like those of valid that is called unlike
TYPES = 128  # typical directions; twice the classes where that is more
MOST_TYPES = 1000
LOOKED_AT = 16  # pictures for each direction, at the most
FEWEST_LOOKED_AT = 4  # and at the least on average, so that directions are means and not pictures
ROUNDS = 6
STORED = np.dtype("<f2")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfDistribution:
    """What pictures like the training set look like to the base."""

    types: NDArray[np.float16]  # float16 [R, d], directions of length one
    threshold: float | None  # the least cosine with the nearest of them that is like the training set

    def similarity(self, last: Features) -> NDArray[np.float64]:
        """The cosine float64 [N] of each row of the last depth float32 [N, d] with the nearest direction."""
        return similarity(last, self.types)

    def unlike(self, last: Features) -> NDArray[np.bool_]:
        """Whether each row of the last depth float32 [N, d] is unlike them, bool [N]."""
        if self.threshold is None:
            return np.zeros(len(last), np.bool_)
        return self.similarity(last) < self.threshold


def learn_out_of_distribution(train: Features, valid: Features, *, class_count: int, seed: int) -> OutOfDistribution:
    """Typical directions of train, and how near to one of them all but 3 % of valid are; [n, d], the last depth."""
    types = typical_directions(train, count=direction_count(class_count), seed=seed)
    return OutOfDistribution(types=types, threshold=nearest_allowed(similarity(valid, types)))


def nearest_allowed(near: NDArray[np.float64]) -> float | None:
    """The least cosine that passes for like the training set, from those float64 [n] of pictures not trained on.

    The k-th least similar sets it, k = max(1, floor(0.03 (n + 1))): another picture of their kind falls below it with
    probability k / (n + 1), whatever the distribution (split conformal prediction, Vovk et al., 2005). With fewer than
    66 pictures that is 1 / (n + 1), more than 3 % below 33. None without a picture.
    """
    if not len(near):
        return None
    place = max(int(FALSE_ALARMS * (len(near) + 1)), 1) - 1
    # Directions rounded to float16 can be a little longer than one, but no threshold is more than a cosine can be.
    return min(float(np.sort(near)[place]), 1.0)


def direction_count(class_count: int) -> int:
    """How many directions are made at the most."""
    return min(max(TYPES, 2 * class_count), MOST_TYPES)


def sampled_rows(pictures: int, *, class_count: int, seed: int) -> NDArray[np.int64]:
    """Rows of train, in rising order, that the directions are made of: all of them, or 16 for each direction."""
    order = seeds.generator(seed, "typical pictures").permutation(pictures)
    return np.sort(order[: LOOKED_AT * direction_count(class_count)])


def typical_directions(last: Features, *, count: int, seed: int) -> NDArray[np.float16]:
    """At most count mean directions float16 [R, d] of features float32 [N, d]: spherical k-means (Dhillon, 2001).

    Means and not pictures: they are few, tell as much (cats and dogs from rubbish 0.999 of the time, as all 2000
    training pictures do), and no single picture leaves with the model.
    """
    count = max(min(count, len(last) // FEWEST_LOOKED_AT), 1)
    rows = directions(last)
    centres = rows[np.sort(seeds.generator(seed, "typical directions").permutation(len(rows))[:count])]
    for _ in range(ROUNDS):
        near = nearest(rows, centres)
        order = np.argsort(near, kind="stable")
        _, starts = np.unique(near[order], return_index=True)  # a direction that nobody is near to is dropped
        centres = directions(np.add.reduceat(rows[order], starts, axis=0))
    return centres.astype(STORED)


def directions(rows: Features) -> Features:
    """Rows float32 [N, d] brought to length one; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def nearest(rows: Features, centres: Features) -> NDArray[np.int64]:
    """The place int64 [N] of the nearest centre."""
    return np.concatenate([(rows[part] @ centres.T).argmax(axis=1) for part in row_blocks(len(rows))])


def similarity(last: Features, types: NDArray[np.float16]) -> NDArray[np.float64]:
    """The cosine float64 [N] of each row with the nearest of the types; the matrix is read in blocks."""
    columns = np.ascontiguousarray(types.T, np.float32)
    found = np.empty(len(last))
    for part in row_blocks(len(last)):
        found[part] = (directions(last[part]) @ columns).max(axis=1)
    return found
