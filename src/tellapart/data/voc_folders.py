"""A folder that holds a set of Pascal VOC: Annotations beside JPEGImages, or a file beside each picture."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.formats import has_picture_ending
from tellapart.data.limits import LARGEST_DOCUMENT
from tellapart.data.reading import Reading
from tellapart.data.set_folders import SetPictures, check_not_classes, files_below, folders_in, holds_pictures
from tellapart.data.split_words import split_of
from tellapart.data.tables import Table
from tellapart.data.text_files import read_text
from tellapart.data.two_readings import some
from tellapart.data.voc import VocSet, rows_of_voc
from tellapart.data.walk import list_folder
from tellapart.errors import DataError
from tellapart.text import counted, shortened

_PICTURES: Final = ("jpegimages", "images")
_LISTS: Final = "ImageSets/Main"
_SPLITS: Final = {"train": "train", "val": "valid", "valid": "valid", "test": "test"}
_ROOT: Final = re.compile(rb"<annotation[\s>/]")
_STARTS: Final = 4_096  # bytes in which a file shows what it is
_Home = tuple[str, str]  # the folder of the files, and that of their pictures, "" for the root


def find_voc(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The boxes of a folder that is a set of Pascal VOC, and what messages call it; None where it is none.

    Raises:
        TwoReadingsError: the folders may be classes as well.
        UsageError, DataError: as `rows_of_voc`.
    """
    if root.resolve().name.lower() == "annotations" and _apart(root.resolve().parent, ""):
        root = root.parent if root.name not in ("", "..") else root.resolve().parent
    homes, notes = _homes(root)
    if not homes:
        return None
    labels = [
        (path, f"{pictures}{path[len(files_of) :]}".lstrip("/").removesuffix(path[-4:]))
        for files_of, pictures in homes
        for path in files_below(root, files_of, ending=".xml")
    ]
    apart = homes[0][0] != homes[0][1]
    named_so = any(posixpath.basename(pictures) == "JPEGImages" for _, pictures in homes)
    if not labels or not (named_so or is_voc(root / labels[0][0])):
        return None
    pictures = SetPictures.below(root, [folder for _, folder in homes], labels=".xml")
    check_not_classes(
        pictures.paths, root=root, says=homes[0][0] or "the XML beside them", first="put all pictures into one folder"
    )
    where = root if root.name else root.resolve()
    found = VocSet(root=root, where=where, labels=labels, pictures=pictures, notes=tuple(notes))
    return rows_of_voc(_with_lists(found, reading) if apart else found, reading=reading), where


def _homes(root: Path) -> tuple[list[_Home], list[str]]:
    """Where files and pictures lie, in the folder itself or in its split folders; and what is passed over."""
    names = folders_in(root)
    if home := _apart(root, ""):
        return [home], []
    if _beside(root):
        return ([] if any(holds_pictures(root / name) for name in names) else [("", "")]), []
    splits = [name for name in names if split_of(name)]
    homes = [_apart(root / name, name) or ((name, name) if _beside(root / name) else None) for name in splits]
    found = [home for home in homes if home is not None]
    others = [name for name in names if name not in splits and found and holds_pictures(root / name)]
    notes = [f"{some(others)}: neither train, valid nor test, so passed over."] if others else []
    return found, notes


def _apart(folder: Path, prefix: str) -> _Home | None:
    """Annotations beside JPEGImages, or beside images, in whatever capitals."""
    names = {name.lower(): name for name in folders_in(folder)}
    pictures = next((names[name] for name in _PICTURES if name in names), None)
    if "annotations" not in names or pictures is None:
        return None
    return posixpath.join(prefix, names["annotations"]), posixpath.join(prefix, pictures)


def _beside(folder: Path) -> bool:
    """Whether a file of Pascal VOC lies in a folder beside a picture that is called like it."""
    names = [entry.name for entry in list_folder(folder)]
    stems = {posixpath.splitext(name)[0] for name in names if has_picture_ending(name)}
    files_of = [name for name in names if name.lower().endswith(".xml")]
    return any(name[:-4] in stems and is_voc(folder / name) for name in files_of[:16])


def is_voc(file: Path) -> bool:
    """Whether an XML file is of Pascal VOC."""
    try:
        return _ROOT.search(files.read_start(file, most=_STARTS)) is not None
    except OSError:
        return False


def _with_lists(found: VocSet, reading: Reading) -> VocSet:
    """The set with the splits of its lists, where it has some; what they do not name is left out, and that is said.

    Raises:
        DataError: a list is none, or a name is in two.
    """
    lists = {key: place for key in _SPLITS if (place := found.root / _LISTS / f"{key}.txt").is_file()}
    if not lists or reading.unlabelled or reading.redrawn:
        return found
    splits: dict[str, str] = {}
    for key, place in lists.items():
        for number, line in enumerate(read_text(place, limit=LARGEST_DOCUMENT, reading=reading).splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            if len(words) > 1:
                what = f"line {number:,} is no name of a picture ({shortened(line.strip())!r})"
                raise DataError(what, where=place, hint="A list of Pascal VOC has one name in each line.")
            name = words[0].removesuffix(".jpg")
            if splits.setdefault(name, _SPLITS[key]) != _SPLITS[key]:
                what = f"{shortened(name)} is in {splits[name]} and in {_SPLITS[key]}"
                raise DataError(what, where=place, hint="Keep each picture in one list.")
    source = f"{_LISTS}/{', '.join(f'{key}.txt' for key in lists)}"
    notes = [*found.notes, f"The splits are those of {source}."]
    if lacking := sorted(set(splits) - {posixpath.basename(stem) for _, stem in found.labels}):
        count = counted(len(lacking), "name in them has", "names in them have")
        notes.append(f"{count} no file of labels, the first {shortened(lacking[0])}.")
    return replace(found, splits=splits, lists=source, notes=tuple(notes))
