"""A folder whose pictures have their labelled boxes in files beside them, a file for each picture."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from tellapart.data.boxes import file_path
from tellapart.data.formats import has_picture_ending
from tellapart.data.labelme import find_labelme, is_labelme_file
from tellapart.data.manifest import Listed, index_of_table, listed_of
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.set_folders import files_below, folders_in
from tellapart.data.tables import Table
from tellapart.data.voc_folders import annotations_apart, find_voc, is_voc
from tellapart.data.walk import SYSTEM_FOLDERS, list_folder
from tellapart.data.yolo_folders import find_yolo, yolo_homes
from tellapart.data.yolo_labels import is_yolo_labels
from tellapart.errors import DataError
from tellapart.types import Index

_FINDERS: Final[Mapping[str, Callable[..., tuple[Table, Path] | None]]] = {
    "YOLO": find_yolo,
    "Pascal VOC": find_voc,
    "labelme": find_labelme,
}

_OF_ONE: Final[Mapping[str, Callable[[Path], bool]]] = {
    ".txt": is_yolo_labels,
    ".xml": is_voc,
    ".json": is_labelme_file,
}
_LOOKED_AT: Final = 16  # files by which a folder is known
LABEL_ENDINGS: Final = tuple(_OF_ONE)


def is_of_one_picture(file: Path) -> bool:
    """Whether a file has the labels of one picture, and not those of a set."""
    kind = _OF_ONE.get(file.suffix.lower())
    return kind is not None and kind(file)


def read_box_folder(root: Path, *, reading: Reading) -> Index | None:
    """The index of a folder of pictures with files of boxes; None where it is none, or where classes are said.

    Raises:
        UsageError: an option is given that says nothing of such a folder.
        DataError: it can be read in two ways, or a label or a picture in it cannot be used.
    """
    found = _found(root, reading=reading)
    if found is None:
        _check_inner(root, reading=reading)
        return None
    table, where = found
    listed = _told_once(listed_of(table, where, reading=reading))
    return index_of_table(listed, name=_name(table.root or root), where=where, scoring=reading.scoring)


def boxes_beside(root: Path) -> list[str]:
    """A line where folders that are read as classes have files of boxes among or beside them: those are not read."""
    apart = annotations_apart(root, "")
    places = [(f"{home}labels", ".txt", "the data.yaml, or write one") for home in yolo_homes(root)]
    places += [] if apart is None else [(apart[0], ".xml", written(os.fspath(root / apart[0])))]
    for folder, ending, instead in places:
        some = islice(files_below(root, folder, ending=ending), _LOOKED_AT)
        if any(is_of_one_picture(root / path) for path in some):
            return [
                f"The boxes in {written(folder)} are not read, as the classes are folders: to have them name {instead}."
            ]
    return []


def _found(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The table of a folder, and what messages call its source."""
    if reading.classes is not None:
        return None
    tables = {name: find(root, reading=reading) for name, find in _FINDERS.items()}
    found = {name: table for name, table in tables.items() if table is not None}
    if len(found) > 1:
        first, second, *_ = found
        what = f"two readings: the boxes are those of {first}, or those of {second}"
        raise DataError(what, where=root, hint="Move the files of one of the two out of the data.")
    return next(iter(found.values()), None)


def _check_inner(root: Path, *, reading: Reading) -> None:
    """Stop where the only folder in a folder is such a set: that has to be named.

    Raises:
        UsageError, DataError: it is, or as `read_box_folder`.
    """
    inner = [name for name in folders_in(root) if name not in SYSTEM_FOLDERS]
    if len(inner) != 1 or any(has_picture_ending(entry.name) for entry in list_folder(root)):
        return
    if _found(root / inner[0], reading=reading) is not None:
        what = f"the boxes are those of the folder {written(inner[0])} in it"
        raise DataError(what, where=root, hint=f"Name that: {written(os.fspath(root / inner[0]))}")


def _told_once(listed: Listed) -> Listed:
    """What is listed, with one reason for each file that is left out, and none for one that a file of labels found."""
    known = {file_path(picture) for picture, _ in listed.pairs}
    skipped = {entry.path: entry for entry in reversed(listed.skipped) if entry.path not in known}
    return replace(listed, skipped=tuple(reversed(skipped.values())))


def _name(root: Path) -> str:
    return written(root.resolve().name) or "data"
