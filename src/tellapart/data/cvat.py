"""CVAT's XML of pictures: tags that label a whole picture, and shapes that label a part of it.

Source: the page "XML annotation format" of CVAT's documentation, version 1.1. Read without document types and entities,
which such a file has none of, and which could make a short file a long one or lead to other files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.parsers import expat

from tellapart import files
from tellapart.data.answers import Answer, table_of
from tellapart.data.columns import listed
from tellapart.data.limits import LARGEST_DOCUMENT
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, unreadable
from tellapart.errors import DataError, UsageError
from tellapart.text import shortened

_DEEPEST: Final = 64
_SHAPES: Final = frozenset(("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton"))
_HOW: Final = "A picture has one label here: keep one tag, or say which attribute is the label with --label-column."
_EXPORT: Final = "In CVAT, export the task as 'CVAT for images 1.1'."


@dataclass(slots=True, kw_only=True)
class _Image:
    """One picture: its labels, and the values of attributes by their names, of tags and of shapes."""

    path: str
    split: str
    tags: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    of_tags: dict[str, list[str]] = field(default_factory=dict)
    of_shapes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What the parser calls while it reads."""

    where: Path
    images: list[_Image] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    attribute: str | None = None
    text: list[str] = field(default_factory=list)

    def start(self, name: str, given: Mapping[str, str]) -> None:
        self.open.append(name)
        if len(self.open) > _DEEPEST:
            raise ValueError("nested too deeply")
        if len(self.open) == 1 and name != "annotations":
            raise DataError(
                f"no annotations of CVAT, it starts with <{shortened(name)}>", where=self.where, hint=_EXPORT
            )
        if name == "track":
            raise DataError("annotations of a video, which has no pictures of its own", where=self.where, hint=_EXPORT)
        if name == "image":
            self.images.append(_Image(path=given.get("name", ""), split=given.get("subset", "")))
        elif self.images and "image" in self.open:
            if name == "tag":
                self.images[-1].tags.append(given.get("label", ""))
            elif name in _SHAPES:
                self.images[-1].shapes.append(given.get("label", ""))
            elif name == "attribute":
                self.attribute, self.text = given.get("name", ""), []

    def characters(self, text: str) -> None:
        if self.attribute is not None:
            self.text.append(text)

    def end(self, name: str) -> None:
        self.open.pop()
        if name == "attribute" and self.attribute is not None:
            image = self.images[-1]
            values = image.of_tags if "tag" in self.open else image.of_shapes
            values.setdefault(self.attribute, []).append("".join(self.text))
            self.attribute = None

    def refuse(self, *_: object) -> None:
        raise ValueError("it has a document type, which annotations have no need of")


def read_cvat(path: Path, *, reading: Reading) -> Table:
    """The pictures of a CVAT file, each with its tag, or else the label of its shapes.

    Raises:
        UsageError: no tag or shape has the attribute that the user names.
        DataError: it cannot be read, is of another kind, or a picture has several labels.
    """
    if reading.path_column is not None:
        raise UsageError("--path-column says nothing of CVAT's XML", where=reading.path_column, hint="Leave it out.")
    images = _images(path)
    if not images:
        raise DataError("no pictures are listed", where=path, hint=_EXPORT)
    wanted = reading.label_column
    tags = any(image.tags if wanted is None else wanted in image.of_tags for image in images)
    if wanted is not None and not tags and not any(wanted in image.of_shapes for image in images):
        known = sorted({name for image in images for name in (*image.of_tags, *image.of_shapes)})
        hint = f"--label-column takes one of: {listed(known)}."
        raise UsageError(f"no attribute {wanted!r}", where=path, hint=hint)
    answers = [
        Answer(number=number, path=image.path, labels=_labels(image, wanted, tags=tags), split=image.split)
        for number, image in enumerate(images, start=1)
    ]
    return table_of(answers, path, layout="CVAT", boxes=not tags and any(each.labels for each in answers), how=_HOW)


def _labels(image: _Image, wanted: str | None, *, tags: bool) -> list[str]:
    if wanted is None:
        return image.tags if tags else image.shapes
    return (image.of_tags if tags else image.of_shapes).get(wanted, [])


def _images(path: Path) -> list[_Image]:
    reader = _Reader(where=path)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reader.refuse
    try:
        parser.Parse(files.read_bounded(path, limit=LARGEST_DOCUMENT), True)
    except (OSError, ValueError, expat.ExpatError) as error:
        raise unreadable(path, error) from error
    return reader.images
