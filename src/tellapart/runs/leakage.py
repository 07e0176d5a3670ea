"""Copies, edits and declared groups: a split that is drawn keeps them together, one that parts them is told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tellapart.data.draw import units_of
from tellapart.data.folds import NEEDED, assign_folds
from tellapart.data.groups import ALIKE, merge_groups
from tellapart.data.split import SHARES, assign_splits, how_far_off
from tellapart.duplicates.groups import KINDS, DuplicateGroup, among
from tellapart.duplicates.kept import kept_duplicates
from tellapart.duplicates.leaks import Leak, find_conflicts, find_leaks
from tellapart.errors import DataError
from tellapart.evaluation.grouped import picture_weight
from tellapart.evaluation.metrics import evaluate
from tellapart.features.embed import Embedded
from tellapart.features.left import LeftFeatures
from tellapart.progress import Progress
from tellapart.recipes.request import Dataset
from tellapart.text import counted
from tellapart.types import Depth, Index, Labels, Probabilities, SplitName
from tellapart.workers.pool import HERE, Workers

NEARLY_MET = 1  # picture; a split that misses its share by no more is not worth a word


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDuplicates:
    """Pictures, and what of them shows the same.

    Attributes:
        index: the pictures, with the groups that were declared and no others.
        groups: what shows the same; rows are counted in the index.
        left_out: leaked pictures that were left out of test, as metrics.json lists them.
    """

    index: Index
    groups: tuple[DuplicateGroup, ...]
    left_out: tuple[dict[str, Any], ...] = ()

    def leaks(self) -> tuple[Leak, ...]:
        """Pictures with a near-duplicate, or one of their group, in a split before theirs."""
        return find_leaks(self.index.pictures, self.groups)


def look_for_duplicates(
    embedded: Embedded,
    *,
    last: Depth,
    left: LeftFeatures | None = None,
    drop_leaks: bool,
    progress: Progress,
    workers: Workers = HERE,
) -> tuple[Embedded, FoundDuplicates]:
    """Find what shows the same, and on request leave out of test what an earlier split that is given has shown.

    `left` are the features of the pictures where `embedded` has none.

    Returns:
        The pictures that are left, without the miniatures that only this needs, and what shows the same among them.

    Raises:
        DataError: no test picture would be left.
    """
    groups = kept_duplicates(embedded, last=last, left=left, progress=progress, workers=workers)
    known = FoundDuplicates(index=embedded.index, groups=groups)
    embedded = embedded.without_miniatures()
    note_conflicts(known, progress=progress)
    leaks = [leak for leak in known.leaks() if known.index.pictures[leak.row].split == "test"]
    return without_leaks(embedded, known, leaks, progress=progress) if drop_leaks and leaks else (embedded, known)


def note_conflicts(known: FoundDuplicates, *, progress: Progress) -> None:
    """Say where pictures that show the same have two labels; of equal bytes `check_labels` speaks."""
    pictures = known.index.pictures
    conflicts = [pair for pair in find_conflicts(pictures, known.groups) if pair.kind != "bytes"]
    if conflicts:
        left, right = pictures[conflicts[0].first], pictures[conflicts[0].second]
        progress.note(
            f"{counted(len(conflicts), 'pair of pictures shows', 'pairs of pictures show')} the same under two classes "
            f"(the first: {left.path} and {right.path})."
        )


def without_leaks(
    embedded: Embedded, known: FoundDuplicates, leaks: Sequence[Leak], *, progress: Progress
) -> tuple[Embedded, FoundDuplicates]:
    """The same without the leaked pictures; the ledger says why.

    Raises:
        DataError: no test picture is left.
    """
    pictures = known.index.pictures
    tested = sum(picture.split == "test" for picture in pictures)
    if len(leaks) == tested:
        raise DataError(
            "every test picture has a near-duplicate, or one of its group, in train or valid", where=known.index.root
        )
    reasons = {
        pictures[
            leak.row
        ].path: f"left out of test: near-duplicate of {pictures[leak.other].path}, or of its group, in train or valid"
        for leak in leaks
    }
    gone = {leak.row for leak in leaks}
    kept = [row for row in range(len(pictures)) if row not in gone]
    ledger = tuple(
        replace(entry, status="skipped", reason=reasons[entry.path]) if entry.path in reasons else entry
        for entry in embedded.ledger
    )
    progress.note(
        f"{len(leaks):,} of {counted(tested, 'test picture')} left out: near-duplicates, or of the groups, of others."
    )
    smaller = replace(embedded.take(kept), ledger=ledger)
    left_out = tuple({**leak.to_json(pictures), "left_out": True} for leak in leaks)
    return smaller, FoundDuplicates(index=smaller.index, groups=among(known.groups, kept), left_out=left_out)


def draw_together(
    known: FoundDuplicates,
    *,
    seed: int,
    shares: Mapping[SplitName, int] = SHARES,
    folds: int = 0,
    fewer: bool = False,
    progress: Progress,
) -> tuple[Index, dict[str, Any]]:
    """Give every picture its split, whatever belongs together on one side; and what to say of it in metrics.json.

    With a number of folds all of them are train, and each is in one fold; with `fewer` there are fewer of them where
    there are not that many pictures or groups, as with three sites.

    Where edits of each other leave too few groups to draw from, only equal pictures and declared groups are kept whole,
    with a note.

    Returns:
        The index in the order train, valid, test, each picture with the name of its group; and `groups`, `largest`,
        `parted` (whether edits of each other may be in two of the splits that were drawn) and `off`, see `how_far_off`.

    Raises:
        DataError, UsageError: as assign_splits and assign_folds.
    """

    def assigned(pictures: Index) -> Index:
        if folds:
            most = max(NEEDED, len(units_of(pictures.pictures))) if fewer else folds
            return assign_folds(pictures, count=min(folds, most), seed=seed)
        return assign_splits(pictures, seed=seed, shares=shares)

    index, parted = united(known, known.groups), False
    try:
        after = assigned(index)
    except DataError:
        sure = [group for group in known.groups if group.kind != "near"]
        if len(sure) == len(known.groups):
            raise
        index, parted = united(known, sure), True
        after = assigned(index)
        progress.note(
            "Too many pictures are nearly alike to keep them all on one side of a split; only equal ones are kept "
            "together, and the score may flatter."
        )
    sizes = Counter(picture.group for picture in index.pictures if picture.group is not None)
    off = None if folds else how_far_off(index, after, shares=shares)
    if off is not None and sizes and abs(off["pictures"] - off["wanted"]) > NEARLY_MET:
        progress.note(
            f"Groups are kept whole, so {off['split']} has {counted(off['pictures'], 'picture')} of {off['class']} "
            f"where its share would be {off['wanted']}; that is as far off as it gets."
        )
    return after, {
        "groups": sum(size > 1 for size in sizes.values()),
        "largest": max(sizes.values(), default=0),
        "parted": parted,
        "off": off,
    }


def united(known: FoundDuplicates, groups: Sequence[DuplicateGroup]) -> Index:
    """The index with duplicates and declared groups joined where they overlap."""
    pictures = known.index.pictures
    links = {f"{ALIKE}{pictures[group.rows[0]].path}": group.rows for group in groups}
    return replace(known.index, pictures=merge_groups(pictures, links, declared=False))


def say_leaks(known: FoundDuplicates, after: Index, *, progress: Progress) -> list[dict[str, Any]]:
    """Every leak that is left once all splits are known, as metrics.json lists them, with those left out."""
    split_of = {picture.path: picture.split for picture in after.pictures}
    pictures = [
        picture if picture.split == (split := split_of[picture.path]) else replace(picture, split=split)
        for picture in known.index.pictures
    ]
    leaks = find_leaks(pictures, known.groups)
    if leaks:
        counts = Counter(pictures[leak.row].split for leak in leaks)
        first = max(leaks, key=lambda leak: (pictures[leak.row].split == "test", -leak.row))
        said = " and ".join(f"{counts[name]} of {name}" for name in ("valid", "test") if counts[name])
        progress.note(
            f"{counted(len(leaks), 'picture has', 'pictures have')} a near-duplicate, or one of the same group, in "
            f"another split ({said}): {'its' if len(leaks) == 1 else 'their'} score flatters. "
            f"For example {pictures[first.row].path} and {pictures[first.other].path}."
        )
    return [*(leak.to_json(pictures) for leak in leaks), *known.left_out]


def say_copies(known: FoundDuplicates, after: Index, *, progress: Progress) -> None:
    """Say how many test pictures are copies of others in test: what is told of one is told of all of them."""
    split_of = {picture.path: picture.split for picture in after.pictures}
    tested = {row for row, picture in enumerate(known.index.pictures) if split_of[picture.path] == "test"}
    again = sum(max(0, len(tested.intersection(group.rows)) - 1) for group in known.groups)
    if again:
        progress.note(
            f"{counted(again, 'test picture is a copy', 'test pictures are copies')} of another one in test, so that "
            f"some count more than once: `tellapart audit DATA` shows them."
        )


def count_kinds(groups: Sequence[DuplicateGroup]) -> dict[str, int]:
    """How many groups of each kind there are."""
    kinds = Counter(group.kind for group in groups)
    return {kind: kinds[kind] for kind in KINDS}


def score_without(
    dataset: Dataset, probabilities: Probabilities, predicted: Labels, leaks: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The figures of test without its leaked pictures, under without_leaks; None there if no other is left."""
    leaked = {leak["path"] for leak in leaks if leak["split"] == "test" and "left_out" not in leak}
    if not leaked:
        return {}
    rows = dataset.rows["test"]
    kept = np.array([picture.path not in leaked for picture in dataset.index.pictures[rows]])
    if not kept.any():
        return {"without_leaks": None}
    labels = dataset.labels[rows][kept]
    figures = evaluate(
        probabilities[kept],
        labels,
        classes=dataset.classes,
        commonest=dataset.commonest,
        predicted=predicted[kept],
        weight=picture_weight(predicted[kept] == labels, dataset.groups[rows][kept]),
    )
    return {"without_leaks": figures}
