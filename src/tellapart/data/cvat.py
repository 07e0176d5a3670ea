"""CVAT's XML of pictures: tags that label a whole picture, and shapes that label a part of it.

Source: the page "XML annotation format" of CVAT's documentation, version 1.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tellapart.data.answers import Annotation, Part, table_of
from tellapart.data.columns import some_names
from tellapart.data.limits import LARGEST_DOCUMENT
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, whole_size
from tellapart.data.xml_files import parse_xml
from tellapart.errors import DataError, UsageError
from tellapart.text import shortened
from tellapart.types import Box

_SHAPES: Final = frozenset(("box", "polygon", "polyline", "points", "ellipse", "cuboid", "mask", "skeleton"))
_HOW: Final = (
    "A picture without boxes has one label here: keep one tag, or say which attribute is the label with --label-column."
)
_EXPORT: Final = "In CVAT, export the task as 'CVAT for images 1.1'."


@dataclass(slots=True, kw_only=True)
class _Said:
    """A tag or a shape: its label, the values of its attributes, and the box around it, None for a tag."""

    label: str
    attributes: dict[str, str] = field(default_factory=dict)
    box: Box | None = None

    def value(self, wanted: str | None) -> str | None:
        """What it says under the name of an attribute; its label where none is wanted."""
        return self.label if wanted is None else self.attributes.get(wanted)


@dataclass(slots=True, kw_only=True)
class _Image:
    """One picture, with its tags and its shapes."""

    path: str
    split: str
    size: tuple[int, int] | None
    tags: list[_Said] = field(default_factory=list)
    shapes: list[_Said] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """What the parser calls while it reads."""

    where: Path
    images: list[_Image] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    attribute: str | None = None
    text: list[str] = field(default_factory=list)

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if len(self.open) == 1 and name == "annotation":
            hint = f"Pascal VOC has a file for each picture: name the folder, {_folder_of(self.where)}"
            raise DataError("annotations of one picture, as Pascal VOC has", where=self.where, hint=hint)
        if len(self.open) == 1 and name != "annotations":
            what = f"no annotations of CVAT, it starts with <{shortened(name)}>"
            raise DataError(what, where=self.where, hint=_EXPORT)
        if name == "track":
            raise DataError("annotations of a video, which has no pictures of its own", where=self.where, hint=_EXPORT)
        if name == "image":
            size = whole_size([given.get("width"), given.get("height")])
            self.images.append(_Image(path=given.get("name", ""), split=given.get("subset", ""), size=size))
        elif self.images and "image" in self.open:
            image = self.images[-1]
            if name == "tag":
                image.tags.append(_Said(label=given.get("label", "")))
            elif name in _SHAPES:
                source = f"picture {len(self.images):,}"
                box = _box(name, given, size=image.size, source=source)
                image.shapes.append(_Said(label=given.get("label", ""), box=box))
            elif name == "attribute":
                self.attribute, self.text = given.get("name", ""), []

    def characters(self, text: str) -> None:
        if self.attribute is not None:
            self.text.append(text)

    def end(self, name: str) -> None:
        if name == "attribute" and self.attribute is not None:
            image = self.images[-1]
            said = image.tags if "tag" in self.open else image.shapes
            if said:
                said[-1].attributes.setdefault(self.attribute, "".join(self.text))
            self.attribute = None


def _folder_of(file: Path) -> Path:
    """The set of Pascal VOC that a file of it is in."""
    return file.parent.parent if file.parent.name.lower() == "annotations" else file.parent


def read_cvat(path: Path, *, reading: Reading) -> Table:
    """The pictures of a CVAT file, each with its tag, or else its labelled boxes.

    Raises:
        UsageError: no tag or shape has the attribute that the user names.
        DataError: it cannot be read, is of another kind, or a whole picture has several labels.
    """
    reading.check_unsaid("path_column", of="CVAT's XML")
    images, wanted = _images(path), reading.label_column
    if not images:
        raise DataError("no pictures are listed", where=path, hint=_EXPORT)
    tags = any(tag.value(wanted) is not None for image in images for tag in image.tags)
    every = [said for image in images for said in (*image.tags, *image.shapes)]
    if wanted is not None and all(said.value(wanted) is None for said in every):
        known = sorted({name for said in every for name in said.attributes})
        hint = f"--label-column takes one of: {some_names(known)}."
        raise UsageError(f"no attribute {wanted!r}", where=path, hint=hint)
    answers = [
        _answer(number, image, wanted, tags=tags, boxes=reading.boxes != "none")
        for number, image in enumerate(images, start=1)
    ]
    shapes = not tags and any(answer.labels for answer in answers)
    return table_of(answers, path, layout="CVAT", how=_HOW, unlabelled=reading.unlabelled, shapes=shapes)


def _answer(number: int, image: _Image, wanted: str | None, *, tags: bool, boxes: bool) -> Annotation:
    said = [(value, each.box) for each in (image.tags if tags else image.shapes) if (value := each.value(wanted))]
    return Annotation(
        number=number,
        path=image.path,
        labels=[label for label, box in said if box is None or not boxes],
        parts=[Part(label=label, box=box) for label, box in said if box is not None and boxes],
        split=image.split,
    )


def _box(shape: str, given: Mapping[str, str], *, size: tuple[int, int] | None, source: str) -> Box | None:
    """The box around a shape, in pixels of the picture as it is shown; None where it has none, as a cuboid.

    A turned rectangle has its turn, in degrees, about its middle.
    """
    try:
        left, top, right, bottom = _edges(shape, given)
    except (KeyError, ValueError):
        return None
    return Box(left=left, top=top, width=right - left, height=bottom - top, size=size, source=source)


def _edges(shape: str, given: Mapping[str, str]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a shape; a KeyError or ValueError where it has none."""
    if shape in ("polygon", "polyline"):
        points = [tuple(map(float, point.split(","))) for point in given["points"].split(";")]
        across, down = zip(*points, strict=True)
        return min(across), min(down), max(across), max(down)
    if shape == "ellipse":
        middle, reach = (float(given["cx"]), float(given["cy"])), (float(given["rx"]), float(given["ry"]))
    elif shape == "mask":
        left, top = float(given["left"]), float(given["top"])
        return left, top, left + float(given["width"]), top + float(given["height"])
    else:
        left, top, right, bottom = (float(given[name]) for name in ("xtl", "ytl", "xbr", "ybr"))
        angle = math.radians(float(given.get("rotation", "0")))
        if not angle:
            return left, top, right, bottom
        middle, half = ((left + right) / 2, (top + bottom) / 2), ((right - left) / 2, (bottom - top) / 2)
        turn = abs(math.cos(angle)), abs(math.sin(angle))
        reach = half[0] * turn[0] + half[1] * turn[1], half[0] * turn[1] + half[1] * turn[0]
    return middle[0] - reach[0], middle[1] - reach[1], middle[0] + reach[0], middle[1] + reach[1]


def _images(path: Path) -> list[_Image]:
    reader = _Reader(where=path)
    parse_xml(path, reader, limit=LARGEST_DOCUMENT)
    return reader.images
