"""Which pictures of a big set become a small one: drawn class by class, and nothing alike in two of its splits.

Legend: a unit is what may not be in two splits: the pictures of one group, or one picture without a group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tellapart.backbones.backbone import Backbone
from tellapart.data.groups import ALIKE, merge_groups
from tellapart.duplicates.find import find_duplicates
from tellapart.duplicates.groups import DuplicateGroup
from tellapart.errors import DataError, PictureError
from tellapart.features.content import content_digest, picture_content
from tellapart.features.look import look_at, with_white
from tellapart.files import size_of
from tellapart.progress import Progress, Silent
from tellapart.seeds import generator
from tellapart.text import counted
from tellapart.types import SPLITS, Index, Picture, SplitName


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One picture that was drawn, by its place in the index, and for which split."""

    row: int
    split: SplitName


def choose_apart(
    index: Index, base: Backbone | None, *, sizes: Mapping[SplitName, int], seed: int, progress: Progress
) -> tuple[Index, list[Choice]]:
    """Draw pictures, look at those that were drawn, and draw again until no two splits show the same.

    Only what is drawn is looked at, so the price depends on the small set, not on the big one, and a training on the
    small set finds its pictures in the cache. `sizes` are pictures per class; without a base only equal files are told.
    What comes back is the index without what cannot be read, and with the groups that were found, and what was drawn.

    Raises:
        DataError: a class has too few pictures or groups.
    """
    index = with_copies_joined(index)
    chosen = draw_choices(index, sizes=sizes, seed=seed)
    while base is not None:
        again = looked_at(index, chosen, base, progress=progress)
        if again is index:
            break
        try:
            chosen = draw_choices(again, sizes=sizes, seed=seed)
        except DataError:
            if len(again.pictures) < len(index.pictures):
                raise
            progress.note("Too many pictures are nearly alike to keep them all out of two splits at once.")
            break
        index = again
    return index, chosen


def looked_at(index: Index, chosen: Sequence[Choice], base: Backbone, *, progress: Progress) -> Index:
    """The index itself if what was drawn can be read and nothing alike is in two splits; else without, or joined."""
    split_of = {index.pictures[choice.row].path: choice.split for choice in chosen}
    rows = sorted(choice.row for choice in chosen)
    drawn = replace(index, pictures=tuple(index.pictures[row] for row in rows))
    base = with_white(base, drawn.pictures, Silent())  # as a training on them takes it
    seen = look_at(drawn, base, progress, purpose="to keep copies in one split")
    readable = {picture.path for picture in seen.index.pictures}
    pictures = index.pictures
    if len(readable) < len(rows):
        kept = tuple(picture for picture in pictures if picture.path in readable or picture.path not in split_of)
        return replace(index, pictures=kept)
    groups = find_duplicates(seen, last=base.last, progress=progress)
    parted = [group for group in groups if len({split_of[pictures[rows[row]].path] for row in group.rows}) > 1]
    return replace(index, pictures=with_copies_grouped(pictures, rows, parted)) if parted else index


def with_copies_grouped(
    pictures: Sequence[Picture], rows: Sequence[int], groups: Iterable[DuplicateGroup]
) -> tuple[Picture, ...]:
    """The pictures with groups of places in rows joined."""
    links = {f"{ALIKE}{pictures[rows[group.rows[0]]].path}": [rows[row] for row in group.rows] for group in groups}
    return merge_groups(pictures, links, declared=False)


def draw_choices(index: Index, *, sizes: Mapping[SplitName, int], seed: int) -> list[Choice]:
    """Draw pictures class by class; where no group spans classes, a class does not depend on the others.

    Groups go whole into the first split that has room for them. Where only a part of one is wanted to fill a split, the
    rest of it is used nowhere.

    Raises:
        DataError: a class has too few pictures, or too few groups to keep apart.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, picture in enumerate(index.pictures):
        rows_of[picture.label or ""].append(row)
    home: dict[str, SplitName] = {}
    return [
        choice for name in index.classes for choice in _choose_class(index, rows_of[name], home, sizes=sizes, seed=seed)
    ]


def _choose_class(
    index: Index, rows: Sequence[int], home: dict[str, SplitName], *, sizes: Mapping[SplitName, int], seed: int
) -> list[Choice]:
    """Draw from one class; home says, and learns, which split each group belongs to."""
    name = index.pictures[rows[0]].label if rows else ""
    asked = sum(sizes.values())
    if len(rows) < asked:
        hint = f"Ask for at most {len(rows)} in all."
        raise DataError(f"the class {name!r} has {counted(len(rows), 'picture')}, {asked} are asked for", hint=hint)
    units: dict[str, list[int]] = defaultdict(list)
    for place in generator(seed, "split command", name or "").permutation(len(rows)):
        picture = index.pictures[rows[place]]
        units[f"group {picture.group}" if picture.group is not None else f"row {rows[place]}"].append(rows[place])
    chosen: list[Choice] = []
    for split in SPLITS:
        left = sizes.get(split, 0)
        for whole in (True, False):
            for unit in [unit for unit in units if home.get(unit, split) == split]:
                if left and (not whole or len(units[unit]) <= left):
                    taken = units.pop(unit)[:left]
                    home[unit] = split
                    left -= len(taken)
                    chosen += [Choice(row=row, split=split) for row in sorted(taken)]
        if left:
            missing = f"{counted(left, 'picture is', 'pictures are')} missing"
            what = f"the class {name!r} has too few groups to fill {split}, {missing}"
            raise DataError(what, hint="Ask for fewer pictures: those of one group may not be in two splits.")
    return chosen


def with_copies_joined(index: Index) -> Index:
    """The index with a group of every picture and its exact copies; only files of one size are opened."""
    sizes: dict[object, list[int]] = defaultdict(list)
    for row, picture in enumerate(index.pictures):
        sizes[_size(index, picture)].append(row)
    same: dict[bytes, list[int]] = defaultdict(list)
    for rows in sizes.values():
        for row in rows if len(rows) > 1 else ():
            try:
                same[content_digest(picture_content(index, index.pictures[row]))].append(row)
            except PictureError:
                continue  # whoever reads it next says so
    links = {f"{ALIKE}{index.pictures[rows[0]].path}": rows for rows in same.values() if len(rows) > 1}
    return replace(index, pictures=merge_groups(index.pictures, links, declared=False)) if links else index


def _size(index: Index, picture: Picture) -> object:
    if picture.row is not None:
        return index.arrays[picture.file].shape[1:]
    try:
        return size_of(picture.file)
    except OSError:
        return picture.path
