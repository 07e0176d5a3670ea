"""Class folders, bare or inside train, valid and test folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.data.once import keep_once
from tellapart.data.order import SPLIT_NAMES, picture_order, split_rank
from tellapart.data.walk import Identity, Walk, is_folder, list_folder
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Index, Picture, SplitName

_CLASSES_HINT = "Make one folder for each class and put its pictures there."


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassFolder:
    file: str
    path: str  # below the root
    label: str
    split: SplitName | None


def scan_folders(root: Path) -> Index:
    """Index a folder of class folders, or of split folders that hold class folders.

    Raises:
        DataError: no classes, only one, one without pictures, or the same file under two of them.
    """
    walk = Walk()
    walk.stay_below(root)
    children = _subfolders(root, prefix="", walk=walk)
    if not children:
        raise _no_class_folders(root, walk)
    splits = _split_folders(children, walk)
    folders = _inside_splits(splits, walk) if splits else [_class_folder(child, "", None) for child in children]
    pictures, identities = _collect(folders, walk)
    _check_classes(root, folders, {picture.label for picture in pictures})
    kept, twice = keep_once(pictures, identities)
    return Index(
        name=root.resolve().name or "data",
        root=root,
        layout="split folders" if splits else "folders",
        classes=tuple(sorted({folder.label for folder in folders})),
        pictures=kept,
        skipped=(*walk.skipped, *twice),
    )


def _subfolders(folder: str | Path, *, prefix: str, walk: Walk) -> list[os.DirEntry[str]]:
    """The folders that count; everything else in it is skipped as a stray file or a folder to pass over."""
    folders = []
    for entry in list_folder(folder):
        path = prefix + entry.name
        if not is_folder(entry):
            walk.skip(path, "hidden file" if entry.name.startswith(".") else "not in a class folder")
        elif not walk.passes_over(entry, path=path):
            folders.append(entry)
    return folders


def _split_folders(children: Sequence[os.DirEntry[str]], walk: Walk) -> dict[SplitName, os.DirEntry[str]]:
    """The split folders among the children of the root; {} where the children are classes.

    They are splits if all of them are called so, or if train is there with valid or test: then others are passed over.
    A class may be called "train" as long as its neighbours are not called like splits too.
    """
    named: dict[SplitName, os.DirEntry[str]] = {}
    others = []
    for child in children:
        split = SPLIT_NAMES.get(child.name.lower())
        if split is None:
            others.append(child)
        elif split in named:
            where = f"{named[split].path} and {child.path}"
            raise DataError(f"two folders for the split {split}", where=where, hint="Keep one of the two.")
        else:
            named[split] = child
    if others and not ("train" in named and len(named) > 1):
        return {}
    for child in others:
        walk.skip(f"{child.name}/", "neither train, valid nor test")
    return named


def _inside_splits(splits: dict[SplitName, os.DirEntry[str]], walk: Walk) -> list[_ClassFolder]:
    folders = []
    for split in sorted(splits, key=split_rank):
        entry = splits[split]
        classes = _subfolders(entry.path, prefix=f"{entry.name}/", walk=walk)
        if not classes:
            raise DataError(f"no class folders in the split {split}", where=entry.path, hint=_CLASSES_HINT)
        folders += [_class_folder(child, f"{entry.name}/", split) for child in classes]
    return folders


def _class_folder(entry: os.DirEntry[str], prefix: str, split: SplitName | None) -> _ClassFolder:
    return _ClassFolder(file=entry.path, path=prefix + entry.name, label=entry.name, split=split)


def _collect(folders: Sequence[_ClassFolder], walk: Walk) -> tuple[list[Picture], list[Identity]]:
    """The pictures of all class folders in the order of the index, and which file each of them is."""
    pairs = [
        (Picture(path=found.path, file=Path(found.file), label=folder.label, split=folder.split), found)
        for folder in folders
        for found in walk.pictures(folder.file, prefix=f"{folder.path}/", label=folder.label)
    ]
    pairs.sort(key=lambda pair: picture_order(pair[0]))
    return [picture for picture, _ in pairs], [found.identity for _, found in pairs]


def _check_classes(root: Path, folders: Sequence[_ClassFolder], labels: set[str | None]) -> None:
    for folder in folders:
        if folder.label not in labels:
            hint = "Put its pictures there, or take the folder away."
            raise DataError(f"no picture in the class {folder.label!r}", where=folder.file, hint=hint)
    if len({folder.label for folder in folders}) == 1:
        inner = folders[0].file
        hint = "There must be at least two to tell apart."
        if any(is_folder(entry) and not entry.name.startswith(".") for entry in list_folder(inner)):
            hint += f" If the classes are inside it, name {inner}."
        raise DataError(f"only one class, {folders[0].label!r}", where=root, hint=hint)


def _no_class_folders(root: Path, walk: Walk) -> DataError:
    if not walk.skipped:
        return DataError("the folder is empty", where=root, hint=_CLASSES_HINT)
    count = sum(1 for entry in walk.skipped if entry.reason == "not in a class folder")
    return DataError(
        f"no class folders, {counted(count, 'file lies', 'files lie')} directly in it", where=root, hint=_CLASSES_HINT
    )
