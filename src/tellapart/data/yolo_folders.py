"""A folder that holds a set of YOLO: with a data.yaml, or with folders of pictures beside folders of labels."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.limits import LARGEST_YAML
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.set_folders import (
    SetPictures,
    check_not_classes,
    files_below,
    folders_in,
    holds_pictures,
    may_be_classes,
    not_read,
)
from tellapart.data.split_words import split_of
from tellapart.data.tables import Table
from tellapart.data.text_files import read_text
from tellapart.data.two_readings import some
from tellapart.data.walk import list_folder
from tellapart.data.yolo import YAML_ENDINGS, YoloSet, rows_of_yolo, without_labels, yolo_set
from tellapart.data.yolo_labels import YoloNames, is_yolo_labels
from tellapart.data.yolo_places import YoloPictures, label_ways
from tellapart.errors import DataError
from tellapart.text import counted, shortened

_DESCRIBES: Final = (
    re.compile(rb"(?m)^[\"']?names[\"']?[ \t]*:"),
    re.compile(rb"(?m)^[\"']?(?:train|val|test)[\"']?[ \t]*:"),
)
_CLASSES: Final = "classes.txt"


def find_yolo(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The boxes of a folder that is a set of YOLO, and what messages call it; None where it is none.

    Raises:
        UsageError, DataError: as `read_yolo`, or the folders may be classes as well.
    """
    homes = yolo_homes(root)
    try:
        described = _data_yaml(root)
        if described is None and not homes:
            return None
        found = yolo_set(described, reading=reading) if described else _beside(root, homes, reading=reading)
    except DataError:
        if _class_folders(root, homes):
            return None  # and a file that is about something else
        raise
    paths = [path for path, _ in found.pictures.placed]
    if not any(os.path.isfile(root / way) for path in paths for way in label_ways(path)):  # noqa: PTH113
        if described is None or _class_folders(root, homes) or may_be_classes(paths):
            return None
        raise without_labels(found)
    says, first = "labels", "put a data.yaml beside images, and name that"
    if described is not None:
        says, first = described.name, f"name the file itself, {described}"
    check_not_classes(paths, root=root, says=says, first=first)
    table = rows_of_yolo(found, reading=reading)
    if table is None:
        return None
    known = [*paths, *(entry.path.rstrip("/") for entry in table.skipped)]
    beside = not_read(root, {posixpath.dirname(path) for path in paths}, paths=known)
    return replace(table, skipped=(*table.skipped, *beside)), found.where


def _class_folders(root: Path, homes: Sequence[str]) -> bool:
    """Whether it may hold folders of classes."""
    return not homes and sum(holds_pictures(root / name) for name in folders_in(root)) > 1


def _data_yaml(root: Path) -> Path | None:
    """The file in a folder that names pictures and classes.

    Raises:
        DataError: there are two.
    """
    entries = [each for each in list_folder(root) if each.name.lower().endswith(YAML_ENDINGS)]
    found = [Path(each.path) for each in entries if not each.name.startswith(".") and _describes(each.path)]
    if len(found) > 1:
        what = f"two files may say what is labelled, {found[0].name} and {found[1].name}"
        raise DataError(what, where=root, hint=f"Name the one that you mean: {found[0]}")
    return found[0] if found else None


def _describes(file: str) -> bool:
    try:
        start = files.read_start(Path(file), most=LARGEST_YAML)
    except OSError:
        return False
    return all(pattern.search(start) for pattern in _DESCRIBES)


def yolo_homes(root: Path) -> list[str]:
    """The folders that hold images and labels: the root itself, "", or split folders in it with a slash behind."""
    names = folders_in(root)
    if "labels" in names:
        return [""] if "images" in names else []
    splits = [name for name in names if split_of(name)]
    inner = {name: folders_in(root / name) for name in splits}
    homes = [f"{name}/" for name in splits if "images" in inner[name]]
    return homes if any("labels" in inner[name.rstrip("/")] for name in homes) else []


def _beside(root: Path, homes: Sequence[str], *, reading: Reading) -> YoloSet:
    """The set of folders without a data.yaml; a picture's split is that of the folders in its path.

    Raises:
        DataError: pictures lie where labels should, labels have no picture, or no file names the classes.
    """
    pictures = SetPictures.below(root, [f"{home}images" for home in homes], labels=".txt")
    labels = [path for home in homes for path in files_below(root, f"{home}labels", ending=".txt")]
    wanted = {way for path in pictures.paths for way in label_ways(path)}
    if not wanted & set(labels):
        none = YoloNames(by_number={}, source="")
        return YoloSet(root=root, where=root, names=none, pictures=YoloPictures(placed=()))
    notes = _check_beside(root, homes)
    _check_pictures(root, labels, wanted)
    names, source = _names(root, homes, reading=reading)
    return YoloSet(
        root=root,
        where=root if root.name else root.resolve(),
        names=YoloNames(by_number=names, source=source),
        pictures=YoloPictures(
            placed=[(path, "") for path in pictures.paths], notes=tuple(notes), skipped=pictures.skipped
        ),
    )


def _check_beside(root: Path, homes: Sequence[str]) -> list[str]:
    """What is to be said of folders beside images and labels that hold pictures.

    Raises:
        DataError: they may be the classes.
    """
    others = [name for name in folders_in(root) if name not in ("images", "labels") and f"{name}/" not in homes]
    others = [name for name in others if holds_pictures(root / name)]
    if homes == [""] and holds_pictures(root / "labels"):
        others = ["labels", *others]
    if len(others) > 1 or "labels" in others:
        what = f"two readings: the boxes are in labels, or the classes are the folders {some(['images', *others])}"
        second = "add --classes top" if "labels" in others else "take labels out of it"
        hint = f"For the first take the other pictures out of the data; for the second {second}."
        raise DataError(what, where=root, hint=hint)
    return [f"{written(others[0])}: neither images nor labels, so passed over."] if others else []


def _check_pictures(root: Path, labels: Iterable[str], wanted: set[str]) -> None:
    """Stop at labels whose picture is not there.

    Raises:
        DataError: there are such.
    """
    lost = [path for path in labels if path not in wanted and is_yolo_labels(root / path)]
    if lost:
        what = f"{counted(len(lost), 'file of labels has', 'files of labels have')} no picture, the first {lost[0]}"
        hint = f"Put its picture into the same place below images, or take {shortened(lost[0])} away."
        raise DataError(what, where=root, hint=hint)


def _names(root: Path, homes: Sequence[str], *, reading: Reading) -> tuple[dict[int, str], str]:
    """The names of classes in a classes.txt, a line each, and which file it is.

    Raises:
        DataError: there is none, or it is empty.
    """
    places = [_CLASSES, *(f"{home}{place}" for home in homes for place in (f"labels/{_CLASSES}", _CLASSES))]
    place = next((place for place in places if os.path.isfile(root / place)), None)  # noqa: PTH113
    if place is None:
        hint = f"Put {_CLASSES} there with a name in each line, the first for the class 0; or a data.yaml."
        raise DataError(
            "the labels beside the pictures have numbers for classes, and nothing names them", where=root, hint=hint
        )
    lines = read_text(root / place, limit=LARGEST_YAML, reading=reading).splitlines()
    names = {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    if not names:
        raise DataError(
            "no names of classes", where=root / place, hint="Write one in each line, the first for the class 0."
        )
    return names, place
