"""Pictures of valid and test that show what a split before theirs has shown already, and pictures with two labels.

Legend: N pictures, in the order that duplicate groups count in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tellapart.data.order import split_rank
from tellapart.duplicates.groups import DuplicateGroup, DuplicatePair, Kind
from tellapart.types import Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A picture with a near-duplicate, or one of its group, in an earlier split."""

    row: int  # the picture, of valid or test
    other: int  # the other, of train or valid: its copy where there is one, else another of its group
    kind: Kind | Literal["group"]  # how they are alike; "group" where only a declared group joins them
    similarity: float | None = None  # as of a DuplicatePair; None where no pair joins the two directly
    mirrored: bool = False  # whether one is the mirror image of the other

    def to_json(self, pictures: Sequence[Picture]) -> dict[str, Any]:
        picture, other = pictures[self.row], pictures[self.other]
        return {
            "path": picture.path,
            "split": picture.split,
            "other": other.path,
            "other_split": other.split,
            "kind": self.kind,
            "similarity": self.similarity,
            "mirrored": self.mirrored,
        }


def find_leaks(pictures: Sequence[Picture], groups: Sequence[DuplicateGroup]) -> tuple[Leak, ...]:
    """Every picture of valid or test that a split before its own has shown, once, in the order of the rows.

    Shown by one of its group, of those that are given or declared; no split counts as no split.
    """
    leaks: dict[int, Leak] = {}
    for group in groups:
        for leak in _leaks_of(group, pictures):
            leaks.setdefault(leak.row, leak)
    for leak in _declared(pictures):
        leaks.setdefault(leak.row, leak)
    return tuple(leaks[row] for row in sorted(leaks))


def find_conflicts(pictures: Sequence[Picture], groups: Sequence[DuplicateGroup]) -> tuple[DuplicatePair, ...]:
    """Pairs that show the same and are labelled with two classes."""
    return tuple(
        pair for group in groups for pair in group.pairs if pictures[pair.first].label != pictures[pair.second].label
    )


def _leaks_of(group: DuplicateGroup, pictures: Sequence[Picture]) -> Iterator[Leak]:
    ordered = sorted(group.rows, key=lambda row: split_rank(pictures[row].split))
    first = ordered[0]
    for row in ordered:
        if not _is_before(pictures[first], pictures[row]):
            continue
        pairs = [pair for pair in group.pairs if row in (pair.first, pair.second)]
        twins = [
            (pair.similarity, -other, pair)
            for pair in pairs
            if _is_before(pictures[other := pair.first + pair.second - row], pictures[row])
        ]
        if twins:
            similarity, other, pair = max(twins, key=lambda twin: twin[:2])
            yield Leak(row=row, other=-other, kind=pair.kind, similarity=similarity, mirrored=pair.mirrored)
        else:
            yield Leak(row=row, other=first, kind=group.kind)


def _declared(pictures: Sequence[Picture]) -> Iterator[Leak]:
    first: dict[str, int] = {}
    for row in sorted(range(len(pictures)), key=lambda row: split_rank(pictures[row].split)):
        group = pictures[row].group
        if group is not None and _is_before(pictures[earlier := first.setdefault(group, row)], pictures[row]):
            yield Leak(row=row, other=earlier, kind="group")


def _is_before(left: Picture, right: Picture) -> bool:
    """Whether the split of left is known and comes before that of right."""
    return left.split is not None and right.split is not None and split_rank(left.split) < split_rank(right.split)
