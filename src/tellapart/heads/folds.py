"""Stratified folds that never fail, whatever the classes' sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.seeds import generator
from tellapart.types import Labels

MOST = 5
LEAST = 3  # two folds would train on half the pictures, and choose for half the pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Which fold scores each picture."""

    count: int  # number of folds; 0 where no class has two pictures and nothing can be held out
    fold: NDArray[np.int64]  # int64 [N], the fold that a picture is held out in; -1 for one that always trains
    copies: int = 1  # C; the rows i, i + N / C, i + 2 * N / C … are one picture in C views, the first as it is

    @property
    def scored(self) -> NDArray[np.bool_]:
        """For each row [N], whether it is a picture as it is that a fold holds out; its other views are not scored."""
        as_it_is = np.arange(len(self.fold)) * self.copies < len(self.fold)
        return as_it_is & (self.fold >= 0)

    def copied(self, copies: int) -> Folds:
        """The folds of the same pictures in so many views, one view after the other; all views of one stay together."""
        return Folds(count=self.count, fold=np.tile(self.fold, copies), copies=copies)


def stratified_folds(
    labels: Labels, *, groups: NDArray[np.int64] | None = None, seed: int, count: int | None = None
) -> Folds:
    """As many folds as the smallest class has pictures, at least 3 and at most 5, each class spread evenly over them.

    The only picture of a class always trains and is never scored: held out, its class would be unknown to the fold. A
    class of two in three folds is held out one picture at a time, so it stays known. The deal goes on from class to
    class where it stopped, so that fold sizes differ by one picture at most.

    Groups int64 [N] are held out whole, and folds are then as even as that allows. What would leave a fold without a
    class to learn it from always trains. With a count there are so many folds, whatever the classes' sizes.
    """
    if groups is not None and len(np.unique(groups)) < len(groups):
        return _grouped_folds(labels, groups, seed=seed, wanted=count)
    sizes = np.bincount(labels)
    several = np.flatnonzero(sizes >= 2)
    fold = np.full(len(labels), -1, dtype=np.int64)
    if not len(several):
        return Folds(count=0, fold=fold)
    scored = int(sizes[several].sum())
    count = min(count or min(MOST, max(LEAST, int(sizes[several].min()))), scored)
    dealt = 0
    for label in several:
        members = generator(seed, "folds", int(label)).permutation(np.flatnonzero(labels == label))
        fold[members] = (dealt + np.arange(len(members))) % count
        dealt += len(members)
    return Folds(count=count, fold=fold)


def _grouped_folds(labels: Labels, groups: NDArray[np.int64], *, seed: int, wanted: int | None) -> Folds:
    """Deal out whole groups, large ones first, each to the fold that has least of its classes."""
    numbers = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((numbers.max() + 1, labels.max() + 1), np.int64)  # pictures of each group and class
    np.add.at(counts, (numbers, labels), 1)
    spread = np.count_nonzero(counts, axis=0)  # groups of each class
    several = spread >= 2
    unit_fold = np.full(len(counts), -1, np.int64)
    scored = np.flatnonzero(~counts[:, ~several].any(axis=1) & counts.any(axis=1))
    if not len(scored):
        return Folds(count=0, fold=unit_fold[numbers])
    count = min(wanted or min(MOST, max(LEAST, int(spread[several].min()))), len(scored))
    shuffled = generator(seed, "group folds").permutation(scored)
    have = np.zeros((count, counts.shape[1]))
    for unit in shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]:
        share = counts[unit] / np.maximum(counts.sum(axis=0), 1)
        home = int(np.argmin(have @ share + 1e-9 * have.sum(axis=1)))
        have[home] += counts[unit]
        unit_fold[unit] = home
    fold = _learnable(unit_fold, counts)[numbers]
    return Folds(count=count if (fold >= 0).any() else 0, fold=fold)


def _learnable(unit_fold: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Let everything of a class that one fold would hold out whole always train, whatever else is in its groups."""
    for label in range(counts.shape[1]):
        units = np.flatnonzero(counts[:, label])
        homes = np.unique(unit_fold[units])
        if len(homes) == 1 and homes[0] >= 0:
            unit_fold[units] = -1
    return unit_fold
