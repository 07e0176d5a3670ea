"""A folder that holds a set of Pascal VOC: Annotations beside JPEGImages, or a file beside each picture."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from tellapart import files
from tellapart.data.formats import has_picture_ending
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.set_folders import (
    SetPictures,
    check_not_classes,
    files_below,
    folders_in,
    holds_pictures,
    listed_lines,
    not_read,
)
from tellapart.data.split_words import split_of
from tellapart.data.tables import Table
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
_Stems = tuple[Mapping[str, set[str]], Mapping[str, set[str]]]  # by paths, by names
_Home = tuple[str, str]  # the folder of the files, and that of their pictures, "" for the root


def find_voc(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The boxes of a folder that is a set of Pascal VOC, and what messages call it; None where it is none.

    Raises:
        UsageError, DataError: as `rows_of_voc`, or the folders may be classes as well.
    """
    if root.resolve().name.lower() == "annotations" and annotations_apart(root.resolve().parent, ""):
        root = root.resolve().parent  # a link's own parent may be anything
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
    table = rows_of_voc(_with_lists(found, homes, reading) if apart else found, reading=reading)
    return replace(table, skipped=(*table.skipped, *not_read(root, [folder for _, folder in homes]))), where


def _homes(root: Path) -> tuple[list[_Home], list[str]]:
    """Where files and pictures lie, in the folder itself or in its split folders; and what is passed over."""
    names = folders_in(root)
    if home := annotations_apart(root, ""):
        return [home], []
    if _beside(root):
        return ([] if any(holds_pictures(root / name) for name in names) else [("", "")]), []
    splits = [name for name in names if split_of(name)]
    homes = [
        annotations_apart(root / name, name) or ((name, name) if _beside(root / name) else None) for name in splits
    ]
    found = [home for home in homes if home is not None]
    others = [name for name in names if name not in splits and found and holds_pictures(root / name)]
    notes = [f"{some(others)}: neither train, valid nor test, so passed over."] if others else []
    return found, notes


def annotations_apart(folder: Path, prefix: str) -> _Home | None:
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


def _with_lists(found: VocSet, homes: Sequence[_Home], reading: Reading) -> VocSet:
    """The set with the splits of its lists, where it has some; what they do not name is left out, and that is said.

    Raises:
        DataError: none of their names is a picture's, or one may be that of two, or is in two lists.
    """
    lists = {key: place for key in _SPLITS if (place := found.root / _LISTS / f"{key}.txt").is_file()}
    if not lists or reading.redrawn:
        return found
    labelled = {stem for _, stem in found.labels}
    stems = _stems([*labelled, *(posixpath.splitext(path)[0] for path in found.pictures.paths)], homes)
    splits, lacking = dict[str, str](), dict[str, None]()
    for key, place in lists.items():
        for _, line in listed_lines(place, reading=reading):
            stem = _named(line, stems, where=place)
            if stem not in labelled:
                lacking[line] = None
            if stem is not None and splits.setdefault(stem, _SPLITS[key]) != _SPLITS[key]:
                what = f"{shortened(line)} is in {splits[stem]} and in {_SPLITS[key]}"
                raise DataError(what, where=place, hint="Keep each picture in one list.")
    source = f"{_LISTS}/{', '.join(f'{key}.txt' for key in lists)}"
    if not splits:
        what = f"no picture is called as in {source}, the first {shortened(next(iter(lacking), ''))}"
        hint = f"Write the paths of pictures below {homes[0][1]} there, a line each, or take the lists out of the data."
        raise DataError(what if lacking else f"no name in {source}", where=found.root, hint=hint)
    notes = [*found.notes, f"The splits are those of {source}."]
    if lacking:
        count = counted(len(lacking), "name in them has", "names in them have")
        notes.append(f"{count} no file of labels, the first {shortened(min(lacking))}.")
    return replace(found, splits=splits, lists=source, notes=tuple(notes))


def _stems(stems: Iterable[str], homes: Sequence[_Home]) -> _Stems:
    """Pictures without their endings: by their paths, below the root or the folder of pictures, and by their names."""
    by_path, by_name = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for stem in stems:
        plain = unicodedata.normalize("NFC", stem)
        by_path[plain].add(stem)
        by_name[posixpath.basename(plain)].add(stem)
        for _, pictures in homes:
            if stem.startswith(f"{pictures}/"):
                by_path[unicodedata.normalize("NFC", stem[len(pictures) + 1 :])].add(stem)
    return dict(by_path), dict(by_name)


def _named(line: str, stems: _Stems, *, where: Path) -> str | None:
    """The picture that a line of a list means: all of it, or what stands before a column of -1, 0 or 1.

    Raises:
        DataError: it may be one of two.
    """
    by_path, by_name = stems
    plain = unicodedata.normalize("NFC", line.replace("\\", "/"))
    *before, last = plain.rsplit(None, 1)
    for path in (plain, *(before if last in ("-1", "0", "1") else ())):
        paths = (path, posixpath.splitext(path)[0]) if has_picture_ending(path) else (path,)
        ways = [by_path.get(form) for form in paths] + [by_name.get(posixpath.basename(form)) for form in paths]
        for found in filter(None, ways):
            if len(found) > 1:
                what = f"{shortened(line)} may be {written(min(found))} or {written(max(found))}"
                raise DataError(what, where=where, hint="Write the folder of the picture before its name.")
            return next(iter(found))
    return None
