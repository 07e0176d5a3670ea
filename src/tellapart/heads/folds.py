"""Stratified folds that never fail, whatever the classes' sizes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tellapart.seeds import generator
from tellapart.types import Labels

MOST = 5
LEAST = 3  # two folds would train on half the pictures, and choose for half the pictures
LEVELLING = 1e-3  # what the size of a fold counts beside its share of the classes that are dealt


@dataclass(frozen=True, slots=True, kw_only=True)
class Folds:
    """Which fold scores each picture.

    Attributes:
        count: number of folds; 0 where no class has two pictures and nothing can be held out.
        fold: int64 [N], the fold that a picture is held out in; -1 for one that always trains.
        copies: C; the rows i, i + N / C, i + 2 * N / C … are one picture in C views, the first as it is.
    """

    count: int
    fold: NDArray[np.int64]
    copies: int = 1

    @property
    def scored(self) -> NDArray[np.bool_]:
        """For each row [N], whether it is a picture as it is that a fold holds out; its other views are not scored."""
        as_it_is = np.arange(len(self.fold)) * self.copies < len(self.fold)
        return as_it_is & (self.fold >= 0)

    def copied(self, copies: int) -> Folds:
        """The folds of the same pictures in so many views, one view after the other; all views of one stay together."""
        return Folds(count=self.count, fold=np.tile(self.fold, copies), copies=copies)


def stratified_folds(labels: Labels, *, seed: int) -> Folds:
    """As many folds as the smallest class has pictures, at least 3 and at most 5, each class spread evenly over them.

    The only picture of a class always trains and is never scored: held out, its class would be unknown to the fold.
    A class of two in three folds is held out one picture at a time, so it stays known. The deal goes on from class to
    class where it stopped, so that fold sizes differ by one picture at most.
    """
    sizes = np.bincount(labels)
    several = np.flatnonzero(sizes >= 2)
    fold = np.full(len(labels), -1, dtype=np.int64)
    if not len(several):
        return Folds(count=0, fold=fold)
    scored = int(sizes[several].sum())
    count = min(MOST, max(LEAST, int(sizes[several].min())), scored)
    dealt = 0
    for label in several:
        members = generator(seed, "folds", int(label)).permutation(np.flatnonzero(labels == label))
        fold[members] = (dealt + np.arange(len(members))) % count
        dealt += len(members)
    return Folds(count=count, fold=fold)


def grouped_folds(labels: Labels, groups: NDArray[np.int64], *, seed: int) -> Folds:
    """Folds that keep the pictures of one group [N] together, and each class spread as evenly as that allows.

    The largest groups are dealt first, each to the fold that has least of its classes so far. A group that holds all
    pictures of some class always trains, and so does whatever would leave a fold without a class to learn from.
    """
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    table = np.zeros((len(sizes), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (members, labels), 1)
    homes = (table > 0).sum(axis=0)
    alone = ((table > 0) & (homes == 1)).any(axis=1)
    count = min(MOST, max(LEAST, int(homes[homes > 1].min(initial=MOST))), int((~alone).sum()))
    home = np.full(len(sizes), -1, dtype=np.int64)
    if count < LEAST:
        return Folds(count=0, fold=home[members])
    shuffled = generator(seed, "grouped folds").permutation(np.flatnonzero(~alone))
    shares = table / np.maximum(table.sum(axis=0), 1)
    load = np.zeros((count, table.shape[1]))
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        home[group] = int((load @ table[group] + LEVELLING * load.sum(axis=1)).argmin())
        load[home[group]] += shares[group]
    fold = home[members]
    fold[_robs_training(fold, labels, count=count)] = -1
    return Folds(count=count, fold=fold)


def _robs_training(fold: NDArray[np.int64], labels: Labels, *, count: int) -> NDArray[np.bool_]:
    """The pictures [N] of folds that hold all there is of some class."""
    table = np.zeros((count + 1, int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (fold, labels), 1)  # fold -1 is the last row
    robs = ((table == table.sum(axis=0)) & (table > 0)).any(axis=1)
    robs[-1] = False
    chosen: NDArray[np.bool_] = robs[fold]
    return chosen
