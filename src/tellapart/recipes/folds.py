"""When every picture is tested, by folds, and not a part that is drawn.

A test of 15 per cent of 200 pictures is 30 pictures, and its interval 20 points wide. Where features are kept a head
costs little, so that every picture can be held out once from everything that is learned and chosen.
"""

from __future__ import annotations

from typing import Final

from tellapart.errors import UsageError
from tellapart.recipes.request import FOLDS, Request, weights_of
from tellapart.text import counted
from tellapart.types import Index

FEWEST_TESTED: Final = 200  # pictures of a test that is drawn; with fewer, folds test


def fold_count(index: Index, request: Request, *, kept: bool) -> int:
    """How many folds test; 0 where a split does.

    Args:
        index: the pictures.
        request: whether and how many folds are asked for, and what a drawn test would have.
        kept: whether all that is trained is a head on features that are kept.

    Raises:
        UsageError: folds are asked for, and the data has splits of its own, or something that takes a split of valid.
    """
    own_splits = any(picture.split not in (None, "train") for picture in index.pictures)
    if request.folds:
        if own_splits:
            hint = "Leave --folds out, or give the pictures without splits."
            raise UsageError("the data has splits of its own, and its own test", where=str(index.root), hint=hint)
        if (beside := beside_folds(index, request)) is not None:
            raise UsageError(f"folds take no {beside}", where="--folds", hint="Leave one of the two out.")
        return request.folds
    if beside_folds(index, request) is not None:
        return 0
    small = len(index.pictures) * request.shares.get("test", 0) < 100 * FEWEST_TESTED
    wanted = request.folds is None and kept and small and "test" in request.shares and not own_splits
    return FOLDS if wanted else 0


def beside_folds(index: Index, request: Request) -> str | None:
    """What is asked for that is chosen on a split of valid, and not inside each fold; None for nothing."""
    if weights_of(index) is not None:
        return "weights of pictures"
    if request.costs is not None:
        return "costs"
    return "recall of a class to reach" if request.min_recall else None


def say_folds(index: Index, request: Request) -> None:
    """One line: how every picture is tested, in the folds of the index, and how to have a test drawn instead."""
    count = max(picture.fold or 0 for picture in index.pictures)
    pictures = counted(len(index.pictures), "picture")
    why = ""
    if request.folds is None:
        share = request.shares["test"]
        why = f", as a test of {share} % would hold only {len(index.pictures) * share // 100}"
    request.progress.note(
        f"Every one of the {pictures} is tested, by a head that has not seen it ({count} folds){why}; --folds 0 draws "
        f"a test instead."
    )
