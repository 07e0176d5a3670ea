"""Class folders, bare or with train, valid and test folders above or inside them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tellapart.data.box_folders import LABEL_ENDINGS, is_of_one_picture
from tellapart.data.formats import has_picture_ending
from tellapart.data.inputs import advice_for
from tellapart.data.layouts import ClassFolder, Plan, understand
from tellapart.data.manifest import is_manifest
from tellapart.data.names import written
from tellapart.data.once import keep_once
from tellapart.data.order import picture_order
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.set_folders import files_below
from tellapart.data.split_words import split_of
from tellapart.data.tree import Folder, look_over
from tellapart.data.two_readings import CLASSES_HINT
from tellapart.data.walk import Found, Identity, Walk, is_folder, list_folder
from tellapart.data.yolo_labels import is_yolo_labels
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Index, Picture

LABELS_HINT: Final = (
    "It holds labels, a file for each picture: they are read where each is called like its picture and lies in labels "
    "beside images (YOLO), in Annotations beside JPEGImages or images (Pascal VOC), or beside the picture."
)
STRAY: Final = "not in a class folder"
_LOOKED_AT: Final = 16  # files by which a folder is known


def scan_folders(root: Path, *, reading: Reading = AS_IT_IS) -> Index:
    """Index a folder of class folders, with split folders above them, inside them, or without.

    Raises:
        UsageError: what is said of the data is for tables.
        DataError: no classes, only one, one without pictures, two readings, or the same file under two classes.
    """
    reading.only_for_folders()
    walk = Walk()
    walk.stay_below(root)
    tree = look_over(root)
    if not tree.folders:
        raise _no_folders(tree)
    plan = _understood(tree, reading)
    _list_between(plan, walk)
    pictures, identities = _collect(plan.folders, walk)
    empty = _check_classes(root, plan.folders, {picture.label for picture in pictures}, scoring=reading.scoring)
    kept, twice = keep_once(pictures, identities)
    return Index(
        name=written(root.resolve().name) or "data",
        root=root,
        layout=plan.layout,
        classes=tuple(sorted({picture.label or "" for picture in pictures})),
        pictures=kept,
        skipped=(*walk.skipped, *twice),
        notes=(*plan.notes, *_one_class_twice(plan.folders), *empty),
    )


def _understood(tree: Folder, reading: Reading) -> Plan:
    """How the folders are to be read.

    Raises:
        DataError: that cannot be told; where a file beside them may list their pictures, it is named.
    """
    try:
        return understand(tree, classes=reading.classes, grouped=reading.grouped)
    except DataError as error:
        listed = _lists_in(tree)
        if not error.what.startswith("no class folders") or not listed:
            raise
        raise DataError(error.what, where=error.where, hint=f"{error.hint or ''}{listed}") from error


def _lists_in(tree: Folder) -> str:
    """What to do where a file in the folder, or in one of those in it, may say which class each picture is, or ""."""
    inner = sorted(tree.folders, key=lambda folder: split_of(folder.name) != "train")[:_LOOKED_AT]
    for path in ("", *(folder.path for folder in inner)):
        folder = f"{tree.file}/{path}".rstrip("/")
        entries = [entry for entry in list_folder(folder) if not entry.name.startswith(".")]
        if _has_yolo_labels(entries):
            return _yolo_beside(tree.file, path, [each.name for each in tree.folders if each.direct])
        for entry in entries:
            if not is_manifest(Path(entry.path)) or entry.name.lower().startswith("readme"):
                continue
            if is_of_one_picture(Path(entry.path)):
                return f" {written(entry.name)} is about one picture: name the folder that holds the pictures too."
            name, file = written(f"{path}{entry.name}"), written(entry.path)
            return f" If {name} says which class each picture is, name that: {file}"
    return ""


def _has_yolo_labels(entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether a file of YOLO's labels lies beside a picture that is called like it."""
    pictures = {os.path.splitext(entry.name)[0] for entry in entries if has_picture_ending(entry.name)}  # noqa: PTH122
    likely = [entry for entry in entries if entry.name.lower().endswith(".txt") and entry.name[:-4] in pictures]
    return any(is_yolo_labels(Path(entry.path)) for entry in likely[:_LOOKED_AT])


def _yolo_beside(root: str | Path, path: str, folders: Sequence[str]) -> str:
    """What to do with YOLO's labels that lie beside the pictures in a folder, and in others beside that."""
    keys = {"train": "train", "valid": "val", "test": "test"}
    places = {keys[split]: name for name in folders if path and (split := split_of(name))}
    said = ", ".join(f"{key}: {written(name)}" for key, name in (places or {"train": path.rstrip("/") or "."}).items())
    file, names = written(f"{root}/data.yaml"), "names: [cat, dog] with your names, the first for the class 0"
    return f" For YOLO's labels beside the pictures name {file}, and write into it {said} and {names}."


def _list_between(plan: Plan, walk: Walk) -> None:
    """What lies beside the folders that are read: stray files, and folders to pass over, each with its reason."""
    read = {each.folder.path for each in plan.folders} | {folder.path for folder in plan.between}
    for folder in plan.between:
        for entry in list_folder(folder.file):
            path = folder.path + entry.name
            if not is_folder(entry):
                walk.skip(path, "hidden file" if entry.name.startswith(".") else STRAY)
            elif not walk.passes_over(entry, path=path) and f"{path}/" not in read:
                walk.skip(f"{path}/", plan.passed.get(f"{path}/", "no picture in it"))


def _collect(folders: Sequence[ClassFolder], walk: Walk) -> tuple[list[Picture], list[Identity]]:
    """The pictures of all class folders in the order of the index, and which file each of them is."""
    pairs = [
        (_picture(found, each), found)
        for each in folders
        for found in walk.pictures(each.folder.file, prefix=each.folder.path, label=each.label)
    ]
    pairs = _without_clashes(pairs, walk)
    pairs.sort(key=lambda pair: picture_order(pair[0]))
    return [picture for picture, _ in pairs], [found.identity for _, found in pairs]


def _without_clashes(pairs: list[tuple[Picture, Found]], walk: Walk) -> list[tuple[Picture, Found]]:
    """Leave out pictures that would be written like another one: only names that are not UTF-8 can be."""
    changed = [pair for pair in pairs if pair[0].path != pair[1].path]
    if not changed:
        return pairs
    taken = {picture.path for picture, found in pairs if picture.path == found.path}
    for picture, found in changed:
        if picture.path in taken:
            reason = "its name is not UTF-8, and written with escapes it is another picture's: rename it"
            walk.skip(found.path, reason)
            pairs = [pair for pair in pairs if pair[1] is not found]
        taken.add(picture.path)
    return pairs


def _picture(found: Found, where: ClassFolder) -> Picture:
    return Picture(path=written(found.path), file=Path(found.file), label=where.label, split=where.split)


def _one_class_twice(folders: Sequence[ClassFolder]) -> list[str]:
    """A line for each class whose folders have names that differ only in how accents are stored."""
    names: dict[str, set[str]] = {}
    for each in folders:
        names.setdefault(each.label, set()).add(each.named)
    return [
        f"{counted(len(found), 'name')} are one class, {label!r}: only the way their accents are stored differs."
        for label, found in sorted(names.items())
        if len(found) > 1
    ]


def _check_classes(root: Path, folders: Sequence[ClassFolder], labels: set[str | None], *, scoring: bool) -> list[str]:
    """What is to be said of classes without pictures, which stop a training and not the scoring of a model.

    Raises:
        DataError: there is one, or only one class, or no picture at all.
    """
    for each in folders:
        if each.label not in labels and not (scoring and labels):
            names = [entry.name for entry in list_folder(each.folder.file)]
            hint = f"Put its pictures there, or take the folder away.{advice_for(names)}"
            hint = LABELS_HINT if _holds_labels(Path(each.folder.file)) else hint
            raise DataError(f"no picture in the class {each.label!r}", where=written(each.folder.file), hint=hint)
    if len({each.label for each in folders}) == 1 and not scoring:
        inner = folders[0].folder
        hint = "There must be at least two to tell apart."
        if inner.folders:
            inside = "add --classes bottom" if folders[0].split else f"name {written(inner.file)}"
            hint += f" If the classes are inside it, {inside}."
        elif _has_yolo_labels(list_folder(inner.file)):
            hint += _yolo_beside(root, inner.path, ())
        raise DataError(f"only one class, {folders[0].label!r}", where=root, hint=hint)
    without = sorted({each.label for each in folders} - labels)
    return [f"There is no picture of {label!r}, which is not scored." for label in without]


def _holds_labels(folder: Path) -> bool:
    """Whether a file of labels of one picture is at or below a folder, among the first that are looked at."""
    likely = (path for ending in LABEL_ENDINGS for path in islice(files_below(folder, "", ending=ending), _LOOKED_AT))
    return any(is_of_one_picture(folder / path) for path in likely)


def _no_folders(tree: Folder) -> DataError:
    entries = [entry for entry in list_folder(tree.file) if not entry.name.startswith(".")]
    if not entries:
        return DataError("the folder is empty", where=tree.file, hint=CLASSES_HINT)
    count = sum(1 for entry in entries if not is_folder(entry))
    what = f"no class folders, {counted(count, 'file lies', 'files lie')} directly in it"
    hint = f"{CLASSES_HINT}{advice_for(entry.name for entry in entries)}{_lists_in(tree)}"
    return DataError(what, where=tree.file, hint=hint)
