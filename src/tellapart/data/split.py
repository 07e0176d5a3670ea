"""Train, valid and test: taken as the data gives them, or drawn class by class, with groups kept whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tellapart.data.draw import check_enough, draw_splits, targets, units_of
from tellapart.data.order import split_rank
from tellapart.errors import DataError
from tellapart.files import write_csv
from tellapart.text import counted
from tellapart.types import SPLITS, Index, SplitName

SHARES: Final[Mapping[SplitName, int]] = {"train": 70, "valid": 15, "test": 15}  # per cent, where the data has none
CARVED: Final = 15  # per cent of train that becomes the split which the data lacks


def assign_splits(index: Index, *, seed: int, shares: Mapping[SplitName, int] = SHARES) -> Index:
    """Give every picture a split; the index then lists train, valid and test, each in the order of before.

    Without splits in the data (or with nothing but train) the shares, in per cent and train first, are drawn of each
    class. Where the data has train and one other split, the missing one is drawn from train, 15 per cent of each class.
    A picture's split depends on the seed, its path (or group) and the others of its class, on nothing else: not on
    other classes, the machine, or the order of the index. Groups are kept whole, and the shares are met as well as that
    allows; but what the data itself has put into a split stays there.

    Raises:
        DataError: the data's own splits are incomplete, or a class is too small to be in each.
    """
    given = {picture.split for picture in index.pictures if picture.split is not None}
    _check_given(index, given)
    drawn_shares = shares_to_draw(given, shares)
    if drawn_shares is None:
        return _in_order(index, [picture.split for picture in index.pictures])
    pool = [place for place, picture in enumerate(index.pictures) if picture.split in (None, "train")]
    splits = [picture.split for picture in index.pictures]
    drawn = draw_splits([index.pictures[place] for place in pool], shares=drawn_shares, seed=seed)
    for place, split in zip(pool, drawn, strict=True):
        splits[place] = split
    return _in_order(index, splits)


def check_drawable(index: Index, *, shares: Mapping[SplitName, int] = SHARES) -> None:
    """Stop where splits cannot be drawn of pictures: what `assign_splits` would find, before anything is looked at.

    Raises:
        DataError: the data's own splits are incomplete, or a class is too small to be in each.
    """
    given = {picture.split for picture in index.pictures if picture.split is not None}
    _check_given(index, given)
    if (drawn := shares_to_draw(given, shares)) is not None:
        pool = [picture for picture in index.pictures if picture.split in (None, "train")]
        check_enough(units_of(pool), len(drawn))


def one_part_as_test(index: Index, *, shares: Mapping[SplitName, int] = SHARES) -> tuple[Index, str]:
    """Where the data sets just one part aside beside train, that part tests, whatever it is called; and a line on it.

    Most data has train and val and nothing else. What is chosen is then chosen within train, and every picture of the
    part says how good it is; cutting a second, smaller test out of train would waste both. The line is "" where nothing
    was changed: where the data has other splits, or no test is wanted.
    """
    given = {picture.split for picture in index.pictures}
    if "test" not in shares or given != {"train", "valid"}:
        return index, ""
    pictures = tuple(
        replace(picture, split="test") if picture.split == "valid" else picture for picture in index.pictures
    )
    count = sum(picture.split == "test" for picture in pictures)
    line = (
        f"The {counted(count, 'picture')} set aside beside train are the test; what is chosen is chosen within train."
    )
    return replace(index, pictures=pictures), line


def part_to_score(index: Index) -> Index:
    """What a model is scored on: the test pictures, or the one part beside train, or all where there is neither."""
    index, _ = one_part_as_test(index)
    tested = tuple(picture for picture in index.pictures if picture.split == "test")
    return replace(index, pictures=tested) if tested else index


def how_far_off(before: Index, after: Index, *, shares: Mapping[SplitName, int] = SHARES) -> dict[str, Any] | None:
    """By how much a drawn split misses its share where it misses most, ready for JSON; None where nothing was drawn.

    `before` is what assign_splits was given, `after` what it returned. What is told: `class`, `split`, `pictures` it
    has there, and `wanted`, the number that the shares ask for.
    """
    given = {picture.split for picture in before.pictures if picture.split is not None}
    drawn_shares = shares_to_draw(given, shares)
    if drawn_shares is None:
        return None
    kept = {picture.path for picture in before.pictures if picture.split not in (None, "train")}
    drawn = [picture for picture in after.pictures if picture.path not in kept]
    counts = Counter((picture.label or "", picture.split) for picture in drawn)
    rows: list[dict[str, Any]] = [
        {"class": label, "split": split, "pictures": counts[label, split], "wanted": wanted}
        for label in after.classes
        for split, wanted in targets(sum(counts[label, split] for split in drawn_shares), drawn_shares).items()
    ]
    return max(rows, key=lambda row: abs(row["pictures"] - row["wanted"]))


def write_splits(path: Path, index: Index, digests: Mapping[str, bytes]) -> None:
    """Write split.csv: path, label, split, group, and the sha256 of the content; what there is not is empty.

    Digests are by the path of a picture: of the bytes of its file, or of its shape and pixels in an IDX file. Where
    folds test, a column more tells in which of them a picture is held out.
    """
    folds = any(picture.fold is not None for picture in index.pictures)
    rows = (
        (
            *(picture.path, picture.label, picture.split, picture.group, digests[picture.path].hex()),
            *((picture.fold,) if folds else ()),
        )
        for picture in index.pictures
    )
    write_csv(path, ("path", "label", "split", "group", "sha256", *(("fold",) if folds else ())), rows)


def shares_to_draw(given: Iterable[SplitName], shares: Mapping[SplitName, int]) -> Mapping[SplitName, int] | None:
    """What is drawn of train where the data has these splits; None where it has all that are wanted."""
    missing = [split for split in shares if split not in set(given)]
    if not missing:
        return None
    if set(given) <= {"train"}:
        return shares
    return {"train": 100 - CARVED, **dict.fromkeys(missing, CARVED)}


def _check_given(index: Index, given: set[SplitName]) -> None:
    if not given:
        return
    without = [picture for picture in index.pictures if picture.split is None]
    if without:
        lacking = f"{len(without):,} of {counted(len(index.pictures), 'picture')}"
        what = f"{lacking} {'has' if len(without) == 1 else 'have'} no split, the others have one; the first is"
        raise DataError(what, where=without[0].path, hint="Give every picture a split, or none.")
    if "train" not in given:
        what = f"no train split, only {' and '.join(split for split in SPLITS if split in given)}"
        raise DataError(what, where=index.root, hint="Add one, or give the pictures without splits.")
    trained = {picture.label for picture in index.pictures if picture.split == "train"}
    for label in index.classes:
        if label not in trained:
            raise DataError(f"the class {label!r} has no picture in train", where=index.root, hint="Put some there.")


def _in_order(index: Index, splits: Sequence[SplitName | None]) -> Index:
    pictures = [
        picture if picture.split == split else replace(picture, split=split)
        for picture, split in zip(index.pictures, splits, strict=True)
    ]
    return replace(index, pictures=tuple(sorted(pictures, key=lambda picture: split_rank(picture.split))))
