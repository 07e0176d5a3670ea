"""The one order in which everything lists pictures."""

from __future__ import annotations

from tellapart.types import SPLITS, Picture, SplitName


def split_rank(split: SplitName | None) -> int:
    """Train 0, valid 1, test 2, none 3."""
    return len(SPLITS) if split is None else SPLITS.index(split)


def picture_order(picture: Picture) -> tuple[int, str, str]:
    """The key to sort by: split, then class, then path, both by code point."""
    return split_rank(picture.split), picture.label or "", picture.path
