"""Pascal VOC: an XML file for each picture, with its name, its size, and the things in it, each with a box.

Source: the development kit of the PASCAL VOC challenges, and what LabelImg, CVAT and Roboflow write of it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tellapart.data.answers import Annotation, Part, table_of
from tellapart.data.box_columns import left_top_size, numbers_of
from tellapart.data.limits import LARGEST_LABELS
from tellapart.data.names import written
from tellapart.data.reading import Reading
from tellapart.data.set_folders import SetPictures, check_total
from tellapart.data.tables import Table, whole_size
from tellapart.data.xml_files import parse_xml
from tellapart.errors import DataError
from tellapart.text import counted, shortened
from tellapart.types import Box, LedgerEntry

_OF_PICTURE: Final[Mapping[tuple[str, ...], str]] = {
    ("filename",): "filename",
    ("size", "width"): "width",
    ("size", "height"): "height",
}
_OF_THING: Final[Mapping[tuple[str, ...], str]] = {
    ("object", "name"): "name",
    ("object", "difficult"): "difficult",
    ("object", "truncated"): "truncated",
    **{("object", "bndbox", name): name for name in ("xmin", "ymin", "xmax", "ymax")},
}
_COLUMNS: Final = ("difficult", "truncated")
_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")
_HOW: Final = "A picture without boxes has one label here: keep the things of one class, or leave out --boxes none."


@dataclass(slots=True, kw_only=True)
class VocFile:
    """What one file says, as text: of its picture, and of each thing in it; it is filled while the file is parsed."""

    where: Path
    open: list[str] = field(default_factory=list)
    picture: dict[str, str] = field(default_factory=dict)
    things: list[dict[str, str]] = field(default_factory=list)
    _text: list[str] = field(default_factory=list)

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """Stop at a file of another kind, and begin a thing or a text."""
        if len(self.open) == 1 and name == "annotations":
            hint = f"It lists many pictures: name the file itself, {self.where}"
            raise DataError("annotations of CVAT, not of Pascal VOC", where=self.where, hint=hint)
        if len(self.open) == 1 and name != "annotation":
            what = f"no annotation of Pascal VOC, it starts with <{shortened(name)}>"
            raise DataError(what, where=self.where, hint="Export it again, or take it out of the data.")
        if self.open[1:] == ["object"]:
            self.things.append({})
        self._text.clear()

    def characters(self, text: str) -> None:
        """Keep the text of what is asked for."""
        inner = tuple(self.open[1:])
        if inner in _OF_PICTURE or inner in _OF_THING:
            self._text.append(text)

    def end(self, _: str) -> None:
        """Put a text where it belongs."""
        inner = tuple(self.open[1:])
        if inner in _OF_PICTURE:
            self.picture.setdefault(_OF_PICTURE[inner], "".join(self._text).strip())
        elif inner in _OF_THING:
            self.things[-1].setdefault(_OF_THING[inner], "".join(self._text).strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class VocSet:
    """A set of Pascal VOC, its files not read yet.

    Attributes:
        root: what paths are relative to.
        where: what messages call it.
        labels: each file, and where a picture of its name would be, without the ending.
        pictures: those of the set.
        splits: of pictures, by where they are or would be, without the ending.
        lists: where these stand, "" where nothing says splits; what is in none of them is left out.
        notes: what was not plain, a line each.
    """

    root: Path
    where: Path
    labels: Sequence[tuple[str, str]]
    pictures: SetPictures
    splits: Mapping[str, str] = field(default_factory=dict)
    lists: str = ""
    notes: tuple[str, ...] = ()


def rows_of_voc(found: VocSet, *, reading: Reading) -> Table:
    """A row for each box.

    Raises:
        UsageError: an option that says nothing of Pascal VOC is given.
        DataError: a file is of another kind, its picture cannot be told, or a box in it cannot be one.
    """
    reading.check_unsaid("path_column", "label_column", "encoding", of="Pascal VOC")
    answers, boxes = list[Annotation](), 0
    for number, (labels, stem) in enumerate(found.labels, start=1):
        answer = _answer(labels, stem, found=found, reading=reading, number=number)
        answers.append(replace(answer, split=found.splits.get(stem) or _split(found, answer.path)))
        boxes += len(answer.parts) + len(answer.labels)
        check_total(boxes, where=found.where)
    seen = {answer.path for answer in answers}
    for path in found.pictures.paths:
        if path not in seen:
            answers.append(Annotation(number=len(answers) + 1, path=path, split=_split(found, path), source=path))
    left_out = [answer.path for answer in answers if found.lists and not answer.split]
    answers = [answer for answer in answers if answer.split or not found.lists]
    columns = _COLUMNS if any(part.given for answer in answers for part in answer.parts) else ()
    table = table_of(
        answers,
        found.where,
        layout="Pascal VOC",
        how=_HOW,
        unlabelled=False,
        shapes=any(answer.labels for answer in answers),
        columns=columns,
        notes=[*found.notes, *_left_out(left_out, found.lists)],
    )
    entries = [
        LedgerEntry(path=written(path), status="skipped", reason=f"in none of {found.lists}") for path in left_out
    ]
    return replace(table, root=found.root, skipped=(*found.pictures.skipped, *entries))


def _split(found: VocSet, path: str) -> str:
    return found.splits.get(posixpath.splitext(path)[0], "")


def _left_out(paths: Sequence[str], lists: str) -> list[str]:
    """A line about pictures that no list has, where there are such."""
    count = counted(len(paths), "picture is", "pictures are")
    return [f"{count} in none of {lists}, and left out (the first: {written(paths[0])})."] if paths else []


def _answer(labels: str, stem: str, *, found: VocSet, reading: Reading, number: int) -> Annotation:
    """What one file says of its picture."""
    file = VocFile(where=found.root / labels)
    parse_xml(file.where, file, limit=LARGEST_LABELS)
    path = found.pictures.of(file.picture.get("filename", ""), stem=stem, labels=labels, where=found.where)
    size = whole_size([file.picture.get("width"), file.picture.get("height")])
    whole, parts = list[str](), list[Part]()
    for place, thing in enumerate(file.things, start=1):
        source = f"object {place:,} of {labels}"
        if not thing.get("name"):
            raise DataError(f"{source} has no name", where=found.where, hint="Write its class, or take it out.")
        numbers = numbers_of([thing.get(name) for name in _CORNERS], source=source, where=found.where)
        if numbers is None or reading.boxes == "none":
            whole.append(thing["name"])
            continue
        left, top, width, height = left_top_size(numbers, reading.boxes or "corners")
        box = Box(left=left, top=top, width=width, height=height, size=size, source=source)
        given = tuple("" if thing.get(name) == "0" else thing.get(name, "") for name in _COLUMNS)
        parts.append(Part(label=thing["name"], box=box, given=given if any(given) else ()))
    return Annotation(number=number, path=path, labels=whole, parts=parts, source=labels)
