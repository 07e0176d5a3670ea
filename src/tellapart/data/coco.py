"""COCO's JSON: pictures, categories, and annotations that join them.

Source: the data format of cocodataset.org, and what CVAT, Label Studio and Roboflow write of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.data.answers import Answer, table_of
from tellapart.data.columns import listed
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, text_of
from tellapart.errors import DataError, UsageError
from tellapart.text import shortened

_EXPORT: Final = "Export it again."
_HOW: Final = "A picture has one label here: keep the annotations of one category, or make a picture of each object."
_Objects = Sequence[Mapping[str, Any]]


def rows_of_coco(document: Mapping[str, Any], path: Path, *, reading: Reading) -> Table:
    """The pictures of a COCO file, each with the category of its annotations.

    Raises:
        UsageError: a field that the user names is in no category or picture.
        DataError: something it refers to is not there, or a picture has annotations of several categories.
    """
    images, annotations = _objects(document, "images", path), _objects(document, "annotations", path)
    names = _by_id(_objects(document, "categories", path), reading.label_column, default="name", where=path)
    places = _by_id(images, reading.path_column, default="file_name", where=path)
    labels: dict[object, list[str]] = defaultdict(list)
    boxes = False
    for number, annotation in enumerate(annotations, start=1):
        image, category = annotation.get("image_id"), annotation.get("category_id")
        for what, key, known in (("image", image, places), ("category", category, names)):
            if _key(key) not in known:
                raise DataError(
                    f"annotation {number:,} is of {what} {shortened(repr(key))}, which is not listed",
                    where=path,
                    hint=_EXPORT,
                )
        labels[_key(image)].append(names[_key(category)])
        boxes = boxes or any(annotation.get(field) for field in ("bbox", "segmentation", "keypoints"))
    answers = [
        Answer(
            number=number,
            path=places[_key(image.get("id"))],
            labels=labels[_key(image.get("id"))],
            split=text_of(image.get("split", image.get("subset"))),
        )
        for number, image in enumerate(images, start=1)
    ]
    return table_of(answers, path, layout="COCO", boxes=boxes, how=_HOW)


def _objects(document: Mapping[str, Any], name: str, path: Path) -> _Objects:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, Mapping) for each in found):
        raise DataError(f"no list of {name}, as COCO has", where=path, hint=_EXPORT)
    return found


def _by_id(objects: _Objects, field: str | None, *, default: str, where: Path) -> dict[object, str]:
    """What stands in a field, by the object's id."""
    name = field or default
    if objects and not any(name in each for each in objects):
        found = listed(objects[0], most=8)
        if field is None:
            raise DataError(f"no field {name!r} in any of them, as COCO has", where=where, hint=f"Found: {found}.")
        raise UsageError(f"no field {name!r}", where=where, hint=f"There are: {found}.")
    return {_key(each.get("id")): text_of(each.get(name)) for each in objects}


def _key(value: object) -> object:
    """An id that can be looked up, and is the same as a number and as text."""
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) else repr(value)
