"""The one order in which everything lists pictures, and the names under which people know the three splits."""

from __future__ import annotations

from typing import Final

from tellapart.types import SPLITS, Picture, SplitName

# Folder names and manifest values, in lower case.
SPLIT_NAMES: Final[dict[str, SplitName]] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "test": "test",
    "testing": "test",
}


def split_rank(split: SplitName | None) -> int:
    """Train 0, valid 1, test 2, none 3."""
    return len(SPLITS) if split is None else SPLITS.index(split)


def picture_order(picture: Picture) -> tuple[int, str, str]:
    """The key to sort by: split, then class, then path, both by code point."""
    return split_rank(picture.split), picture.label or "", picture.path
