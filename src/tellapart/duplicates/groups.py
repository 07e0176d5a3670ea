"""Which pictures show the same: what is found, as values that every later layer may use.

Legend: N pictures, in the order of the rows of a feature matrix.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tellapart.data.groups import connected_sets

Kind = Literal["bytes", "pixels", "near"]
KINDS: Final[tuple[Kind, ...]] = ("bytes", "pixels", "near")  # from the surest to the least sure


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatePair:
    """Two rows that show the same, and how that is known."""

    first: int  # a row
    second: int  # a later row
    # "bytes": the files are equal; "pixels": what is decoded from them is equal; "near": one is an edit of the other
    # (resized, recompressed, slightly cropped, mirrored, brightened, re-toned)
    kind: Kind
    similarity: float = 1.0  # 1 where they are equal; else the share of one's detail that the other explains
    mirrored: bool = False  # whether one is the mirror image of the other


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """Pictures that show the same."""

    rows: tuple[int, ...]  # at least two, rising
    kind: Kind  # that of its least sure pair
    pairs: tuple[DuplicatePair, ...]  # enough of them to connect all rows, rising


def connect(pairs: Iterable[DuplicatePair]) -> tuple[DuplicateGroup, ...]:
    """Groups of all rows that pairs connect, directly or by way of others; ordered by their first row."""
    ordered = sorted(pairs, key=lambda pair: (pair.first, pair.second))
    members = connected_sets([(pair.first, pair.second) for pair in ordered])
    home = {row: place for place, rows in enumerate(members) for row in rows}
    inside: list[list[DuplicatePair]] = [[] for _ in members]
    for pair in ordered:
        inside[home[pair.first]].append(pair)
    return tuple(
        DuplicateGroup(rows=rows, kind=max((pair.kind for pair in found), key=KINDS.index), pairs=tuple(found))
        for rows, found in zip(members, inside, strict=True)
    )


def equal_pairs(digests: Sequence[bytes], *, kind: Kind) -> Iterator[DuplicatePair]:
    """A pair of each row with the first row of the same digest; an empty digest is equal to nothing."""
    first: dict[bytes, int] = {}
    for row, digest in enumerate(digests):
        if digest and (earlier := first.setdefault(digest, row)) != row:
            yield DuplicatePair(first=earlier, second=row, kind=kind)


def among(groups: Iterable[DuplicateGroup], rows: Collection[int]) -> tuple[DuplicateGroup, ...]:
    """What is left of groups where only some rows, rising, are kept; rows are counted anew."""
    place = {row: number for number, row in enumerate(rows)}
    return connect(
        replace(pair, first=place[pair.first], second=place[pair.second])
        for group in groups
        for pair in group.pairs
        if pair.first in place and pair.second in place
    )
