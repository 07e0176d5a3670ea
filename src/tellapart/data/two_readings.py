"""What stops the reading of folders, and what is said of it: both readings, and what to type or to rename."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from tellapart.data.names import class_name, written
from tellapart.data.tree import Folder
from tellapart.errors import DataError
from tellapart.types import SPLITS, SplitName

CLASSES_HINT: Final = "Make one folder for each class and put its pictures there."
_NAMED: Final = 3  # folders that a message names


def class_called_so(folder: Folder, others: Sequence[Folder]) -> Iterator[str]:
    """What is to be said of a folder called like a split among folders that are not.

    Raises:
        DataError: it may be meant as one.
    """
    if not others:
        return
    inside = {inner.name for inner in folder.filled}
    beside = {other.name for other in others} | {inner.name for other in others for inner in other.filled}
    if (len(inside) > 1 and not folder.direct) or inside & beside:
        what = (
            f"{_quoted(folder.name)} is called like a split and holds {folder_names(folder.filled)}, "
            f"but {folder_names(others)} beside it {'is' if len(others) == 1 else 'are'} not"
        )
        hint = (
            "If these are splits, rename the neighbours to train, valid or test, or move them out; "
            "if all are classes, add --classes top; if the classes are the folders inside, add --classes bottom."
        )
        raise DataError(what, where=written(folder.file), hint=hint)
    yield f"The folder {_quoted(folder.name)} is taken for a class, like its neighbours."


def check_split(split: SplitName, homes: dict[SplitName, Folder]) -> None:
    """Stop at a split without class folders.

    Raises:
        DataError: it is empty, or its pictures are in no class.
    """
    home = homes[split]
    if not home.holds:
        hint = "Put its pictures there, or take the folder away."
        raise DataError(f"no picture in the split {split}", where=written(home.file), hint=hint)
    if home.filled:
        return
    labelled = [other for other in SPLITS if other in homes and homes[other].filled]
    hint = CLASSES_HINT
    if not labelled:
        hint += " If these folders are the classes, add --classes top."
    elif split != "train":
        hint = "Without classes they cannot be tested on: move that folder out of the data, train, and type: "
        hint += f"tellapart predict MODEL {shlex.quote(written(home.file))}"
        if labelled == ["train"]:
            train = shlex.quote(written(homes["train"].file))
            hint = f"Without classes they cannot be tested on. Type: tellapart train {train}, and then: "
            hint += f"tellapart predict runs/{shlex.quote(written(homes['train'].name))}/model.tellapart "
            hint += shlex.quote(written(home.file))
    raise DataError(f"no class folders in the split {split}", where=written(home.file), hint=hint)


def check_labelled_splits(base: Folder, homes: dict[SplitName, Folder]) -> None:
    """Stop at a split none of whose folders is called like a class of train: its pictures are not labelled.

    Raises:
        DataError: there is one.
    """
    known = {class_name(folder.name, where=folder.file) for folder in homes["train"].filled} if "train" in homes else ()
    for split, home in homes.items():
        if known and not {class_name(folder.name, where=folder.file) for folder in home.filled} & set(known):
            what = f"no class of train is in the split {split}, which holds {folder_names(home.filled)}"
            hint = "Call its folders like those of train (capitals count), or take it out; "
            hint += "unlabelled pictures are for predict: "
            hint += f"tellapart predict MODEL {shlex.quote(written(home.file))}"
            raise DataError(what, where=written(base.file), hint=hint)


def half_splits(base: Folder, parts: dict[str, list[tuple[Folder, SplitName | None]]]) -> DataError:
    """Some folders inside the classes are called like splits, and some pictures are in none of them."""
    every = [each for found in parts.values() for each in found]
    named = next(part for part, split in every if split)
    beside = next(part for part, split in every if not split)
    what = f"{written(named.path)} is called like a split, but the pictures in {written(beside.path)} are in no split"
    hint = (
        "If these are splits, put every picture of every class into a folder train, valid or test; "
        "if they are only parts of their class, add --classes top."
    )
    return DataError(what, where=written(base.file), hint=hint)


def check_shared(base: Folder, classes: Sequence[Folder], *, grouped: bool) -> list[str]:
    """Stop where the folders inside the classes may be the classes as well: all have the same ones, and two or more.

    Where groups are told from the paths, those folders are taken for groups, and that is said: a line, else none.

    Raises:
        DataError: they do.
    """
    by_label: dict[str, set[str]] = {}
    for folder in classes:
        if folder.direct:
            return []
        by_label.setdefault(folder.name, set()).update(inner.name for inner in folder.filled)
    counts = Counter(name for names in by_label.values() for name in names)
    shared = sorted(name for name, count in counts.items() if count > 1)
    if len(shared) < 2 or any(not names & set(shared) for names in by_label.values()):
        return []
    top, bottom = some(sorted(by_label)), some(shared)
    if grouped:
        return [f"The classes are {top}, of which {bottom} are parts, since groups are declared."]
    what = f"two readings: the classes are {top}, or the classes are the folders inside them, {bottom}"
    deeper = folder_names(_bottom(classes))
    hint = (
        f"Add --classes top for {top}{f', or --classes bottom for {deeper}' if deeper else ''}; "
        "if one of these are splits, rename those to train, valid and test; "
        "if neither are classes, list the pictures in a table with the columns path and label."
    )
    raise DataError(what, where=written(base.file), hint=hint)


def both_possible(classes: Sequence[Folder]) -> list[str]:
    """A line where every class holds nothing but folders, so that those could be meant."""
    if not classes or any(folder.direct or len(folder.filled) < 2 for folder in classes):
        return []
    deeper = folder_names(_bottom(classes))
    instead = f"; --classes bottom takes {deeper} instead" if deeper else ""
    return [f"The classes are {folder_names(classes)}, each with the folders inside it{instead}."]


def _bottom(classes: Iterable[Folder]) -> list[Folder]:
    """What --classes bottom would take: the folders that pictures lie in, which may be further down than those inside.

    None where pictures lie beside folders with pictures: there the classes are not at the bottom.
    """
    below = [inner for folder in classes for inner in (folder, *folder.all_below()) if inner.direct]
    return [] if any(folder.filled for folder in below) else below


def called_like_another(classes: Sequence[Folder]) -> list[str]:
    """A line where a folder inside a class is called like another class, as one that was dropped into it by mistake."""
    names = {folder.name for folder in classes}
    inside = [
        (inner, folder)
        for folder in classes
        for inner in folder.all_below()
        if inner.direct and inner.name in names - {folder.name}
    ]
    if not inside:
        return []
    inner, folder = inside[0]
    more = f", and so do {len(inside) - 1:,} more" if len(inside) > 1 else ""
    line = (
        f"The pictures in {written(inner.path)} count as {_quoted(folder.name)}, though it is called like another class"
    )
    return [f"{line}{more}."]


def _quoted(name: str) -> str:
    return f"'{written(name)}'"


def folder_names(folders: Iterable[Folder]) -> str:
    return some(sorted({folder.name for folder in folders}))


def some(names: Sequence[str]) -> str:
    """The first names of many, as in "a, b, c and 4 more"."""
    shown = [written(name) for name in names[:_NAMED]]
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
