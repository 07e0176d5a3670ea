"""labelme: a JSON file for each picture, with shapes that label parts of it and flags that label all of it.

Source: the code and the examples of github.com/wkentaro/labelme, versions 3 to 5. The picture that such a file may hold
itself, in base64, is not looked at.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from tellapart import files
from tellapart.data.answers import Annotation, Part, table_of
from tellapart.data.formats import has_picture_ending
from tellapart.data.limits import LARGEST_WITH_PICTURE
from tellapart.data.reading import Reading
from tellapart.data.set_folders import (
    SetPictures,
    check_not_classes,
    check_total,
    files_below,
    folders_in,
    holds_pictures,
    not_read,
)
from tellapart.data.split_words import split_of
from tellapart.data.tables import Table, text_of, unreadable, whole_size
from tellapart.data.walk import list_folder
from tellapart.errors import DataError, UsageError
from tellapart.types import Box

LabelmeSays = Literal["shapes", "flags"]

_HOW: Final = "A picture without boxes has one label here: keep one flag, or the shapes of one class."
_LOOKED_AT: Final = 16  # files by which a folder is known
_EXPORT: Final = "Save it with labelme again, or take it out of the data."


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file: its path, what it calls its picture, its shapes with their boxes, and its flags that are true."""

    labels: str
    picture: str
    shapes: Sequence[tuple[str, Box | None]]
    flags: Sequence[str]


def is_labelme(document: object) -> bool:
    """Whether a JSON document is a file of labelme."""
    return isinstance(document, Mapping) and isinstance(document.get("shapes"), list) and "imagePath" in document


def find_labelme(root: Path, *, reading: Reading) -> tuple[Table, Path] | None:
    """The boxes of a folder with a file of labelme beside each picture, and what messages call it; None for others.

    Raises:
        UsageError: an option that says nothing of labelme is given, or one that names what is not there.
        DataError: a file cannot be read, its picture cannot be told, shapes and flags may both be the labels, or the
            folders may be classes.
    """
    homes = _homes(root)
    if not homes:
        return None
    where = root if root.name else root.resolve()
    _check_unsaid(reading)
    pictures = SetPictures.below(root, homes, labels=".json")
    check_not_classes(
        pictures.paths, root=root, says="the JSON beside them", first="put all pictures and their files into one folder"
    )
    found, said = list[_File](), 0
    for path in (path for home in homes for path in files_below(root, home, ending=".json")):
        if (file := _read(root, path)) is not None:
            found.append(file)
            said += len(file.shapes) + len(file.flags)
            check_total(said, where=where)
    says = _says(found, reading, where)
    whole = says == "flags" or reading.boxes == "none"
    answers = [_answer(number, file, says, pictures, whole=whole, where=where) for number, file in enumerate(found, 1)]
    seen = {answer.path for answer in answers}
    for path in pictures.paths:
        if path not in seen:
            answers.append(Annotation(number=len(answers) + 1, path=path, source=path))
    shapes = says == "shapes" and any(answer.labels for answer in answers)
    table = table_of(answers, where, layout="labelme", how=_HOW, unlabelled=False, shapes=shapes)
    return replace(table, root=root, skipped=(*pictures.skipped, *not_read(root, homes))), where


def _check_unsaid(reading: Reading) -> None:
    """Stop at options that say nothing of labelme, whose shapes are points.

    Raises:
        UsageError: one of them was given.
    """
    reading.check_unsaid("path_column", "encoding", of="labelme's files")
    if reading.boxes not in (None, "none"):
        hint = "Leave it out, or write --boxes none."
        raise UsageError("--boxes says nothing of labelme's files", where=reading.boxes, hint=hint)


def _homes(root: Path) -> list[str]:
    """The folders with pictures and files of labelme: the root, "", or split folders in it."""
    names = folders_in(root)
    if _beside(root):
        return [] if any(holds_pictures(root / name) for name in names) else [""]
    return [name for name in names if split_of(name) and _beside(root / name)]


def _beside(folder: Path) -> bool:
    """Whether a file of labelme lies in a folder beside a picture that is called like it."""
    names = [entry.name for entry in list_folder(folder)]
    stems = {posixpath.splitext(name)[0] for name in names if has_picture_ending(name)}
    likely = [name for name in names if name.lower().endswith(".json") and name[:-5] in stems]
    return any(is_labelme_file(folder / name) for name in likely[:_LOOKED_AT])


def is_labelme_file(file: Path) -> bool:
    """Whether a JSON file is of labelme."""
    try:
        return is_labelme(files.parse_json(files.read_bounded(file, limit=LARGEST_WITH_PICTURE)))
    except (OSError, ValueError):
        return False


def _read(root: Path, path: str) -> _File | None:
    """What a file says; None where it is none of labelme.

    Raises:
        DataError: a shape in it is none.
    """
    try:
        document = files.parse_json(files.read_bounded(root / path, limit=LARGEST_WITH_PICTURE))
    except (OSError, ValueError) as error:
        raise unreadable(root / path, error) from error
    if not is_labelme(document):
        return None
    size = whole_size([document.get("imageWidth"), document.get("imageHeight")])
    shapes = []
    for number, shape in enumerate(document["shapes"], start=1):
        source = f"shape {number:,} of {path}"
        if not isinstance(shape, Mapping) or not text_of(shape.get("label")).strip():
            raise DataError(f"{source} has no label", where=root / path, hint=_EXPORT)
        shapes.append((text_of(shape["label"]), _box(shape, size=size, source=source, where=root / path)))
    flags = document.get("flags")
    return _File(
        labels=path,
        picture=text_of(document["imagePath"]),
        shapes=shapes,
        flags=[str(name) for name, value in flags.items() if value is True] if isinstance(flags, Mapping) else [],
    )


def _box(shape: Mapping[str, Any], *, size: tuple[int, int] | None, source: str, where: Path) -> Box | None:
    """The box around a shape, in pixels of the picture as it is shown; None for points and straight lines.

    Raises:
        DataError: a point of it is no pair of numbers.
    """
    points = shape.get("points")
    try:
        pairs = [(float(across), float(down)) for across, down in points or ()]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"a point of {source} is no pair of numbers", where=where, hint=_EXPORT) from error
    if not all(math.isfinite(value) for pair in pairs for value in pair):
        raise DataError(f"a point of {source} is no pair of numbers", where=where, hint=_EXPORT)
    if shape.get("shape_type") == "circle" and len(pairs) == 2:
        (across, down), edge = pairs
        reach = math.dist((across, down), edge)
        pairs = [(across - reach, down - reach), (across + reach, down + reach)]
    if len(pairs) < 2 or shape.get("shape_type") == "line":
        return None
    left, top = (min(values) for values in zip(*pairs, strict=True))
    right, bottom = (max(values) for values in zip(*pairs, strict=True))
    if right <= left or bottom <= top:
        return None
    return Box(left=left, top=top, width=right - left, height=bottom - top, size=size, source=source)


def _says(found: Sequence[_File], reading: Reading, where: Path) -> LabelmeSays:
    """Whether shapes or flags are the labels.

    Raises:
        UsageError: what the user says is neither, or not there.
        DataError: both may be.
    """
    shapes, flags = any(file.shapes for file in found), any(file.flags for file in found)
    if reading.label_column is not None:
        if reading.label_column not in ("shapes", "flags"):
            hint = "--label-column takes shapes or flags here."
            raise UsageError(f"no labels {reading.label_column!r} in labelme's files", where=where, hint=hint)
        return "shapes" if reading.label_column == "shapes" else "flags"
    if shapes and flags:
        what = (
            "two readings: the labels are those of the shapes, each a picture of its own, or the flags of each picture"
        )
        raise DataError(what, where=where, hint="Say which with --label-column shapes or --label-column flags.")
    return "shapes" if shapes or not flags else "flags"


def _answer(
    number: int, file: _File, says: LabelmeSays, pictures: SetPictures, *, whole: bool, where: Path
) -> Annotation:
    stem = posixpath.splitext(file.labels)[0]
    path = pictures.of(file.picture, stem=stem, labels=file.labels, where=where)
    return Annotation(
        number=number,
        path=path,
        labels=file.flags if says == "flags" else [label for label, box in file.shapes if whole or box is None],
        parts=[] if whole else [Part(label=label, box=box) for label, box in file.shapes if box is not None],
        source=file.labels,
    )
