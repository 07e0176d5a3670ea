"""COCO's JSON: pictures, categories, and annotations that join them.

Source: the data format of cocodataset.org, and what CVAT, Label Studio and Roboflow write of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.data.answers import Annotation, Part, table_of
from tellapart.data.box_columns import left_top_size, numbers_of
from tellapart.data.columns import some_names
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, text_of, whole_size
from tellapart.errors import DataError, UsageError
from tellapart.text import counted, shortened
from tellapart.types import Box

_EXPORT: Final = "Export it again."
_HOW: Final = "A picture without boxes has one label here: keep the annotations of one category."
_Objects = Sequence[Mapping[str, Any]]


def rows_of_coco(document: Mapping[str, Any], path: Path, *, reading: Reading) -> Table:
    """The pictures of a COCO file: each box with its category, and what has none with that of its annotations.

    Raises:
        UsageError: a field that the user names is in no category or picture.
        DataError: something it refers to is not there, a box cannot be one, or a whole picture has several categories.
    """
    images, annotations = _objects(document, "images", path), _objects(document, "annotations", path)
    names = _by_id(_objects(document, "categories", path), reading.label_column, default="name", where=path)
    places = _by_id(images, reading.path_column, default="file_name", where=path)
    sizes = {_key(image.get("id")): _size(image) for image in images}
    labels: dict[object, list[str]] = defaultdict(list)
    parts: dict[object, list[Part]] = defaultdict(list)
    shapes, crowds = False, 0
    for number, annotation in enumerate(annotations, start=1):
        image, category = annotation.get("image_id"), annotation.get("category_id")
        for what, key, known in (("image", image, places), ("category", category, names)):
            if _key(key) not in known:
                told = f"annotation {number:,} is of {what} {shortened(repr(key))}, which is not listed"
                raise DataError(told, where=path, hint=_EXPORT)
        box, label = annotation.get("bbox"), names[_key(category)]
        if not box or reading.boxes == "none" or (isinstance(box, list) and not any(box)):
            labels[_key(image)].append(label)
            shapes = shapes or any(annotation.get(field) for field in ("bbox", "segmentation", "keypoints"))
        elif annotation.get("iscrowd"):
            crowds += 1
        else:
            found = _box(box, number, size=sizes[_key(image)], path=path, reading=reading)
            given = text_of(annotation.get("id"))
            parts[_key(image)].append(Part(label=label, box=found, given=(given,)))
    answers = [
        Annotation(
            number=number,
            path=places[_key(image.get("id"))],
            labels=labels[_key(image.get("id"))],
            parts=parts[_key(image.get("id"))],
            split=text_of(image.get("split", image.get("subset"))),
        )
        for number, image in enumerate(images, start=1)
    ]
    return table_of(
        answers,
        path,
        layout="COCO",
        how=_HOW,
        unlabelled=reading.unlabelled,
        shapes=shapes,
        columns=("annotation",) if any(parts.values()) else (),
        notes=_crowds(crowds, path.name),
    )


def _crowds(count: int, name: str) -> list[str]:
    """What is said of boxes that are left out; [] where there are none."""
    if not count:
        return []
    around = f"box of {name} is around a crowd", f"boxes of {name} are around crowds"
    return [f"{counted(count, *around)} (iscrowd), and left out."]


def _box(value: object, number: int, *, size: tuple[int, int] | None, path: Path, reading: Reading) -> Box:
    """A box of COCO: x, y, width and height in pixels of the picture as stored, where its size does not say otherwise.

    Raises:
        DataError: these are no four numbers.
    """
    source = f"annotation {number:,}"
    numbers = numbers_of([value], source=source, where=path)
    if numbers is None:
        raise DataError(f"the box of {source} is no four numbers", where=path, hint=_EXPORT)
    left, top, width, height = left_top_size(numbers, reading.boxes or "sizes")
    return Box(left=left, top=top, width=width, height=height, drawn_on="stored", size=size, source=source)


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    return whole_size([image.get("width"), image.get("height")])


def _objects(document: Mapping[str, Any], name: str, path: Path) -> _Objects:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise DataError(f"no list of {name}, as COCO has", where=path, hint=_EXPORT)
    return found


def _by_id(objects: _Objects, field: str | None, *, default: str, where: Path) -> dict[object, str]:
    """What stands in a field, by the object's id."""
    name = field or default
    if objects and not any(name in each for each in objects):
        found = some_names(objects[0], most=8)
        if field is None:
            raise DataError(f"no field {name!r} in any of them, as COCO has", where=where, hint=f"Found: {found}.")
        raise UsageError(f"no field {name!r}", where=where, hint=f"There are: {found}.")
    return {_key(each.get("id")): text_of(each.get(name)) for each in objects}


def _key(value: object) -> object:
    """An id that can be looked up, and is the same as a number and as text."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else repr(value)
