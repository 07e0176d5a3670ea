"""A folder that holds a set of YOLO: with a data.yaml, or with folders of pictures beside folders of labels."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.limits import LARGEST_YAML, MOST_LABEL_FILES
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.split_words import is_container, split_of
from tellapart.data.tables import Table
from tellapart.data.text_files import read_text
from tellapart.data.two_readings import some
from tellapart.data.walk import Walk, is_folder, list_folder
from tellapart.data.yolo import YAML_ENDINGS, YoloSet, rows_of_yolo, without_labels, yolo_set
from tellapart.data.yolo_labels import YoloNames
from tellapart.data.yolo_places import YoloPictures, label_place
from tellapart.errors import DataError
from tellapart.text import counted, shortened

_DESCRIBES: Final = (
    re.compile(rb"(?m)^[\"']?names[\"']?[ \t]*:"),
    re.compile(rb"(?m)^[\"']?(?:train|val|test)[\"']?[ \t]*:"),
)
_CLASSES: Final = "classes.txt"
_LINE: Final = re.compile(rb"\s*[0-9]+(?:\.0*)?(?:[ \t]+[-+0-9.eE]+){4,}[ \t]*(?:\r?\n|$)")
_STARTS: Final = 4_096  # bytes of a file that is told by its first line


class _TwoReadingsError(DataError):
    """The folders may be the classes as well."""


def find_yolo(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The boxes of a folder that is a set of YOLO, and what messages call it; None where it is none.

    Where no label is asked for, what may be such a set or classes is none.

    Raises:
        UsageError, DataError: as `read_yolo`; or the folders may be classes as well.
    """
    try:
        return _found(root, reading=reading)
    except _TwoReadingsError:
        if reading.unlabelled:
            return None
        raise


def _found(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    described, homes = _data_yaml(root), _homes(root)
    if described is None and not homes:
        return None
    try:
        found = yolo_set(described, reading=reading) if described else _beside(root, homes, reading=reading)
    except DataError:
        if described and _class_folders(root, homes):
            return None  # and a file that is about something else
        raise
    if not any(os.path.isfile(root / label_place(path)) for path, _ in found.pictures.placed):  # noqa: PTH113
        paths = [path for path, _ in found.pictures.placed]
        if described is None or reading.unlabelled or _class_folders(root, homes) or _may_be_classes(paths):
            return None
        raise without_labels(found)
    _check_readings(found, described)
    table = rows_of_yolo(found, reading=reading)
    return None if table is None else (table, found.where)


def _class_folders(root: Path, homes: Sequence[str]) -> bool:
    """Whether it may hold folders of classes."""
    return not homes and sum(_holds_pictures(root / name) for name in _folders(root)) > 1


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


def _homes(root: Path) -> list[str]:
    """The folders that hold images and labels: the root itself, "", or split folders in it with a slash behind."""
    names = _folders(root)
    if "labels" in names:
        return [""] if "images" in names else []
    splits = [name for name in names if split_of(name)]
    inner = {name: _folders(root / name) for name in splits}
    homes = [f"{name}/" for name in splits if "images" in inner[name]]
    return homes if any("labels" in inner[name.rstrip("/")] for name in homes) else []


def _folders(folder: Path) -> list[str]:
    return [each.name for each in list_folder(folder) if not each.name.startswith(".") and is_folder(each)]


def _beside(root: Path, homes: Sequence[str], *, reading: Reading) -> YoloSet:
    """The set of folders without a data.yaml; a picture's split is that of the folders in its path.

    Raises:
        DataError: pictures lie where labels should, labels have no picture, or no file names the classes.
    """
    walk = Walk()
    walk.stay_below(root)
    placed = [(path, "") for home in homes for path in _pictures(root, f"{home}images", walk)]
    labels = [path for home in homes for path in _label_files(root, f"{home}labels")]
    if not {label_place(path) for path, _ in placed} & set(labels):
        return YoloSet(
            root=root, where=root, names=YoloNames(by_number={}, source=""), pictures=YoloPictures(placed=())
        )
    notes = _check_beside(root, homes)
    _check_pictures(root, labels, {label_place(path) for path, _ in placed})
    names, source = _names(root, homes, reading=reading)
    return YoloSet(
        root=root,
        where=root if root.name else root.resolve(),
        names=YoloNames(by_number=names, source=source),
        pictures=YoloPictures(placed=placed, notes=tuple(notes), skipped=tuple(walk.skipped)),
    )


def _pictures(root: Path, folder: str, walk: Walk) -> Iterator[str]:
    for found in walk.pictures(root / folder, prefix=f"{folder}/"):
        yield found.path


def _label_files(root: Path, folder: str) -> Iterator[str]:
    """The text files at and below a folder.

    Raises:
        DataError: there are more than any set has.
    """
    if not (root / folder).is_dir():
        return
    count = 0
    for inside, folders, names in os.walk(root / folder):  # links to folders are not followed, so that it ends
        folders.sort()
        below = os.path.relpath(inside, root).replace(os.sep, "/")
        for name in sorted(names):
            count += 1
            if count > MOST_LABEL_FILES:
                what = f"more than {MOST_LABEL_FILES:,} files of labels"
                raise DataError(what, where=root / folder, hint="Split the set, or list its boxes in a table.")
            if name.endswith(".txt"):
                yield f"{below}/{name}"


def _check_beside(root: Path, homes: Sequence[str]) -> list[str]:
    """What is to be said of folders beside images and labels that hold pictures.

    Raises:
        DataError: they may be the classes.
    """
    others = [name for name in _folders(root) if name not in ("images", "labels") and f"{name}/" not in homes]
    others = [name for name in others if _holds_pictures(root / name)]
    if homes == [""] and _holds_pictures(root / "labels"):
        others = ["labels", *others]
    if len(others) > 1 or "labels" in others:
        what = f"two readings: the boxes are in labels, or the classes are the folders {some(['images', *others])}"
        second = "add --classes top" if "labels" in others else "take labels out of it"
        hint = f"For the first take the other pictures out of the data; for the second {second}."
        raise _TwoReadingsError(what, where=root, hint=hint)
    return [f"{written(others[0])}: neither images nor labels, so passed over."] if others else []


def _holds_pictures(folder: Path) -> bool:
    return next(Walk().pictures(folder, prefix=""), None) is not None


def _check_pictures(root: Path, labels: Iterable[str], wanted: set[str]) -> None:
    """Stop at labels whose picture is not there.

    Raises:
        DataError: there are such.
    """
    lost = [path for path in labels if path not in wanted and _has_labels(root / path)]
    if lost:
        what = f"{counted(len(lost), 'file of labels has', 'files of labels have')} no picture, the first {lost[0]}"
        hint = f"Put its picture into the same place below images, or take {shortened(lost[0])} away."
        raise DataError(what, where=root, hint=hint)


def _has_labels(file: Path) -> bool:
    try:
        return _LINE.match(files.read_start(file, most=_STARTS)) is not None
    except OSError:
        return False


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


def _may_be_classes(paths: Iterable[str]) -> list[str]:
    """The names of the folders that pictures lie in, where these may be classes: no splits, and at least two."""
    names = {path.split("/")[-2] for path in paths if "/" in path}
    classes = sorted(name for name in names if split_of(name) is None and not is_container(name))
    return classes if len(classes) > 1 else []


def _check_readings(found: YoloSet, described: Path | None) -> None:
    """Stop where the folders that pictures lie in may be the classes.

    Raises:
        DataError: they may.
    """
    classes = _may_be_classes(path for path, _ in found.pictures.placed)
    if classes:
        source = described.name if described else "labels"
        what = f"two readings: the boxes are labelled as {source} says, or the classes are the folders {some(classes)}"
        first = f"name the file itself, {described}" if described else "put a data.yaml beside images, and name that"
        raise _TwoReadingsError(
            what, where=found.root, hint=f"For the first {first}; for the second add --classes bottom."
        )
