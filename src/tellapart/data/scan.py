"""From what the user points at to an index: which pictures, which classes, which splits, and what was passed over.

Nothing is decoded here, and of files whose names end like a picture's not even the first byte is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from tellapart.data.box_folders import boxes_beside, read_box_folder
from tellapart.data.folders import scan_folders
from tellapart.data.formats import has_picture_ending
from tellapart.data.idx import holds_idx, is_idx, scan_idx
from tellapart.data.imagefolder import read_imagefolder
from tellapart.data.inputs import advice_for, not_there, of_another_kind
from tellapart.data.manifest import is_manifest, read_manifest, unlabelled_index
from tellapart.data.names import is_utf8, names_alike, written
from tellapart.data.rare import without_rare
from tellapart.data.reading import AS_IT_IS, Reading
from tellapart.data.walk import Walk
from tellapart.errors import DataError, UsageError
from tellapart.progress import Progress
from tellapart.types import Index, Picture


def scan(data: Path, *, reading: Reading = AS_IT_IS, progress: Progress | None = None) -> Index:
    """Index labelled data: class folders, perhaps with split folders, a manifest file, or a folder of IDX files.

    The order of the pictures is split (train, valid, test, none), then class, then path, by code point.

    Args:
        data: a folder or a file.
        reading: what the user says of it.
        progress: told what was not plain about how it was read.

    Raises:
        UsageError: what is said of it cannot be said of such data.
        DataError: there is no such data, it cannot be told which picture belongs to which class, or too few classes
            have as many pictures as are asked for.
    """
    index = _scan(data, reading)
    if reading.min_pictures is not None:
        fewest = 1 if reading.scoring else 2
        index = without_rare(index, reading.min_pictures, fewest_classes=fewest, redrawn=reading.redrawn)
    index = replace(index, notes=(*index.notes, *names_alike(index.classes)))
    if progress is not None:
        for note in index.notes:
            progress.note(note)
    return index


def _scan(data: Path, reading: Reading) -> Index:
    if not is_utf8(os.fspath(data)):
        what = "the path of the data is not UTF-8, so it could not be written into the files of a run"
        raise DataError(what, where=written(os.fspath(data)), hint="Rename it, or name it by way of a link.")
    if not os.path.exists(data):  # noqa: PTH110  (Path.exists raises where a folder on the way is locked)
        raise not_there(os.fspath(data))
    if is_manifest(data):
        return read_manifest(data, reading=reading)
    if not data.is_dir() and is_idx(data.name):
        raise DataError("one file of a set of IDX files", where=data, hint=f"Name the folder it is in: {data.parent}")
    if not data.is_dir():
        what = "neither a folder nor a manifest (.csv, .parquet, .json, .xml, .yaml)"
        raise of_another_kind(data) or DataError(what, where=data, hint=_file_hint(data))
    if holds_idx(data):
        return scan_idx(data, scoring=reading.scoring)
    return read_imagefolder(data, reading=reading) or _scan_folder(data, reading)


def _scan_folder(data: Path, reading: Reading) -> Index:
    """The index of class folders; of what is none of those, but has files of boxes, that of the boxes.

    So nothing that lies beside pictures in class folders makes them anything else. What is none of those is told as
    for a training: to score a model by, images beside labels would be one class and another without pictures.
    """
    try:
        index = scan_folders(data, reading=replace(reading, scoring=False))
        return index if reading.classes else replace(index, notes=(*index.notes, *boxes_beside(data)))
    except (DataError, UsageError):
        boxed = read_box_folder(data, reading=reading)
        if boxed is not None:
            return boxed
        if not reading.scoring:
            raise
    return scan_folders(data, reading=reading)


def index_of_paths(paths: Sequence[str | Path], *, reading: Reading = AS_IT_IS) -> Index:
    """Index pictures as they are given, without labels.

    Args:
        paths: picture files, kept in the order given and as often as given; a folder stands for all pictures below it.
            Or one table or annotation file, which stands for the pictures and boxes that it lists.
        reading: what is said of a table.

    Raises:
        UsageError: something is said of a table, and there is none.
        DataError: a path does not exist, a folder has no picture, or nothing was given.
    """
    given, walk = given_pictures(paths, reading=reading), Walk()
    if not given.paths:
        return given.index
    return replace(given.index, pictures=tuple(given.walked(walk)), skipped=tuple(walk.skipped))


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPictures:
    """Pictures without labels that can be gone through again and again, those below folders without a list of them.

    Attributes:
        index: what is known of all of them; pictures only where a file lists them.
        paths: the files and folders that they are found at; () where a file lists them.
    """

    index: Index
    paths: tuple[str | Path, ...]

    def __iter__(self) -> Iterator[Picture]:
        """Each picture, in an order that is the same every time.

        Raises:
            DataError: a path does not exist, or a folder has no picture.
        """
        return iter(self.index.pictures) if not self.paths else self.walked(Walk())

    def walked(self, walk: Walk) -> Iterator[Picture]:
        """Those at the paths; what is passed over on the way stands in the walk."""
        for path in self.paths:
            yield from pictures_below(path, label=None, walk=walk)


def given_pictures(paths: Sequence[str | Path], *, reading: Reading = AS_IT_IS) -> GivenPictures:
    """What `index_of_paths` indexes, not looked for yet.

    Raises:
        UsageError, DataError: as there; what is missing is found out on the way through.
    """
    if not paths:
        raise DataError("no pictures were given", hint="Name at least one picture or folder.")
    if len(paths) == 1 and is_manifest(Path(paths[0])):
        return GivenPictures(index=unlabelled_index(Path(paths[0]), reading=reading), paths=())
    reading.only_for_folders()
    if all(of_another_kind(path) for path in paths):
        raise cast("DataError", of_another_kind(paths[0]))
    folders = [Path(path) for path in paths if Path(path).is_dir()]
    name = folders[0].resolve().name if len(paths) == len(folders) == 1 else "pictures"
    index = Index(name=name, root=Path(), layout="paths", classes=(), pictures=())
    return GivenPictures(index=index, paths=tuple(paths))


def pictures_below(path: str | Path, *, label: str | None, walk: Walk) -> Iterator[Picture]:
    """The picture at a path, or all those below it where it is a folder.

    Raises:
        DataError: nothing is there, or a folder without pictures.
    """
    name = os.fspath(path)
    if os.path.isfile(name):  # noqa: PTH113  (a str already, and there may be 100,000)
        yield Picture(path=name, file=Path(name), label=label)
        return
    if not os.path.isdir(name):  # noqa: PTH112  (Path.is_dir raises where the name is too long)
        raise not_there(name)
    prefix = name if name.endswith("/") else f"{name}/"
    walk.entered.clear()  # a folder given twice counts twice; loops inside it are still seen
    walk.stay_below(Path(name).resolve().parent)
    empty = True
    for found in walk.pictures(name, prefix=prefix):
        empty = False
        yield Picture(path=found.path, file=Path(found.file), label=label)
    if empty:
        hint = f"Put pictures there.{advice_for(os.listdir(name))}"  # noqa: PTH208  (names alone)
        raise DataError("no picture in the folder", where=name, hint=hint)


def _file_hint(data: Path) -> str:
    if has_picture_ending(data.name):
        return "This is one picture; name the folder that holds the class folders."
    tools = "a file of COCO, Label Studio, CVAT or YOLO"
    return f"Name a folder of class folders, a table with the columns path and label, or {tools}."
