"""Whether a picture is like any that was trained on: by the nearest of some typical directions, and by its classes.

A picture from elsewhere is far from every typical direction of the features; one of a kind that is a little like all
that were trained on is near to some of them, but between the classes, which the relative distance tells. The less
favourable of the two says how like the training set it is.

Legend: N pictures, D features of all depths, d features of the last depth, R typical directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart import seeds
from tellapart.heads.linear import row_blocks
from tellapart.heads.products import one_thread_if_small
from tellapart.heads.relative_distance import RelativeDistance, fit_relative_distance
from tellapart.types import Features, Labels

FALSE_ALARMS = 0.03  # the share of pictures like those of valid that is called unlike
TYPES = 128  # typical directions; twice the classes where that is more
MOST_TYPES = 1000
LOOKED_AT = 16  # pictures for each direction, at the most
FEWEST_LOOKED_AT = 4  # and at the least on average, so that directions are means and not pictures
ROUNDS = 6
STORED = np.dtype("<f2")
ENOUGH = 33  # pictures of valid: the least similar of fewer is exceeded by more than 3 % of others
CROSSED_FOLDS = 10
FEWEST_FOR_CLASSES = 20  # pictures that the relative distance is brought to the scale of cosines by


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLikeness:
    """How like its classes a picture is: the relative distance, on the scale of the cosines."""

    relative: RelativeDistance
    shift: float
    scale: float  # positive

    def likeness(self, rows: Features) -> NDArray[np.float64]:
        """float64 [N] for directions float32 [N, d]; it falls as the distance grows."""
        return self.shift - self.scale * self.relative.distance(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfDistribution:
    """What pictures like the training set look like to the base."""

    types: NDArray[np.float16]  # float16 [R, d], directions of length one
    threshold: float | None  # the least similarity that is like the training set
    classes: ClassLikeness | None = None  # None in older model files, and where there are too few pictures or classes

    def similarity(self, last: Features) -> NDArray[np.float64]:
        """How like the training set each row of the last depth float32 [N, d] is, float64 [N], 1 at the most.

        The cosine with the nearest direction, or how like its classes it is where that is less.
        """
        near = similarity(last, self.types)
        if self.classes is None:
            return near
        blocks = [self.classes.likeness(directions(last[part])) for part in row_blocks(len(last))]
        like: NDArray[np.float64] = np.minimum(near, np.concatenate([*blocks, np.empty(0)]))
        return like

    def unlike(self, last: Features) -> NDArray[np.bool_]:
        """Whether each row of the last depth float32 [N, d] is unlike them, bool [N]."""
        if self.threshold is None:
            return np.zeros(len(last), np.bool_)
        return self.similarity(last) < self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFeatures:
    """Pictures that were trained on."""

    last: Features  # float32 [n, d], what the base saw of them at its last depth
    labels: Labels  # int64 [n]
    groups: NDArray[np.int64]  # int64 [n], one number for pictures that belong together
    held_out: bool  # whether the base was trained without them, so that they can be held out


def learn_out_of_distribution(
    train: TrainingFeatures, valid: Features, *, class_count: int, seed: int
) -> OutOfDistribution:
    """What train looks like, and how like it all but 3 % of valid float32 [n, d] are.

    Of n pictures of valid the k-th least similar sets the threshold, k = max(1, floor(0.03 (n + 1))): another picture
    of their kind falls below it with probability k / (n + 1), whatever the distribution (split conformal prediction,
    Vovk et al., 2005). That is 1.5 to 3 % from 33 pictures on. Where valid has fewer, pictures of train, one of each
    group, count as well, each judged by nine tenths of train that hold nothing of its group (cross-conformal
    prediction, Vovk, 2015, doi:10.1007/s10472-013-9368-4); not where the base itself was trained on them.
    """
    with one_thread_if_small(len(train.last)):
        types, relative = _looks(train, class_count=class_count, seed=seed)
        scores = [_scores(valid, types, relative)]
        if len(valid) < ENOUGH and train.held_out:
            scores.append(_crossed_scores(train, class_count=class_count, seed=seed))
    near, far = np.concatenate(scores, axis=1)
    classes = None
    if relative is not None and len(near) >= FEWEST_FOR_CLASSES and min(near.std(), far.std()) > 0:
        scale = float(near.std() / far.std())
        shift = float(np.median(near) + scale * np.median(far))
        classes = ClassLikeness(relative=relative, shift=shift, scale=scale)
        near = np.minimum(near, shift - scale * far)
    return OutOfDistribution(types=types, threshold=nearest_allowed(near), classes=classes)


def nearest_allowed(near: NDArray[np.float64]) -> float | None:
    """The threshold by similarities float64 [n] of pictures that were not trained on; None without any."""
    if not len(near):
        return None
    place = max(int(FALSE_ALARMS * (len(near) + 1)), 1) - 1
    # Directions rounded to float16 can be a little longer than one, but no threshold is more than a cosine can be.
    return float(np.clip(np.sort(near)[place], -1.0, 1.0))


def _looks(
    train: TrainingFeatures, *, class_count: int, seed: int
) -> tuple[NDArray[np.float16], RelativeDistance | None]:
    types = typical_directions(train.last, count=direction_count(class_count), seed=seed)
    return types, fit_relative_distance(directions(train.last), train.labels)


def _scores(last: Features, types: NDArray[np.float16], relative: RelativeDistance | None) -> NDArray[np.float64]:
    """The cosine with the nearest direction and the relative distance of rows [n, d], float64 [2, n]."""
    far = np.zeros(len(last)) if relative is None else relative.distance(directions(last))
    return np.stack([similarity(last, types), far])


def _crossed_scores(train: TrainingFeatures, *, class_count: int, seed: int) -> NDArray[np.float64]:
    """Both scores float64 [2, n] of one picture of each group, by pictures of other folds."""
    shuffled = seeds.generator(seed, "crossed").permutation(len(train.last))
    _, first, group = np.unique(train.groups[shuffled], return_index=True, return_inverse=True)
    dealt = seeds.generator(seed, "crossed folds").permutation(len(first)) % CROSSED_FOLDS
    fold = np.empty(len(shuffled), np.int64)
    fold[shuffled] = dealt[group]
    judged = np.sort(shuffled[first])
    found = [np.empty((2, 0))]
    for number in np.unique(fold):
        rest = fold != number
        if rest.any():
            others = TrainingFeatures(
                last=train.last[rest], labels=train.labels[rest], groups=train.groups[rest], held_out=True
            )
            looks = _looks(others, class_count=class_count, seed=seed)
            found.append(_scores(train.last[judged[fold[judged] == number]], *looks))
    return np.concatenate(found, axis=1)


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
        near = nearest_centre(rows, centres)
        order = np.argsort(near, kind="stable")
        _, starts = np.unique(near[order], return_index=True)  # a direction that nobody is near to is dropped
        centres = directions(np.add.reduceat(rows[order], starts, axis=0))
    return centres.astype(STORED)


def directions(rows: Features) -> Features:
    """Rows float32 [N, d] brought to length one; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64)).astype(np.float32)[:, None]
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), np.float32)


def nearest_centre(rows: Features, centres: Features) -> NDArray[np.int64]:
    """The place int64 [N] of the nearest centre."""
    return np.concatenate([(rows[part] @ centres.T).argmax(axis=1) for part in row_blocks(len(rows))])


def similarity(last: Features, types: NDArray[np.float16]) -> NDArray[np.float64]:
    """The cosine float64 [N] of each row with the nearest of the types; the matrix is read in blocks.

    Lengths and sums are taken in float64 and rounded to float32, as a head's are (`linear.LinearHead.logits`): a mark
    must not depend on what else is asked about, and the threshold is what one picture of valid was found to have.
    """
    columns, found = types.astype(np.float64).T, np.empty(len(last))
    for part in row_blocks(len(last)):
        found[part] = (directions(last[part]).astype(np.float64) @ columns).max(axis=1).astype(np.float32)
    return found
