"""JSON and JSON Lines that list pictures: read with a bound, and told apart by what is in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart import files
from tellapart.data.coco import rows_of_coco
from tellapart.data.columns import some_names
from tellapart.data.label_studio import rows_of_tasks
from tellapart.data.labelme import is_labelme
from tellapart.data.limits import LARGEST_DOCUMENT
from tellapart.data.megadetector import is_megadetector, rows_of_megadetector
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, rows_of_records, unreadable
from tellapart.data.text_files import read_text
from tellapart.errors import DataError

JSON_ENDINGS: Final = (".json",)
LINES_ENDINGS: Final = (".jsonl", ".ndjson")
_KNOWN: Final = "Known are COCO, Label Studio, MegaDetector, and a list of objects with the fields path and label."
DENSEST: Final = 16  # characters for each object or list beyond files.MOST_HOLDERS; in COCO there are 27 or more
_Objects = Sequence[Mapping[str, Any]]


def read_json(path: Path, *, reading: Reading) -> Table:
    """Read a JSON file of COCO, of Label Studio, of MegaDetector, or of objects with the fields path and label.

    Raises:
        UsageError: a field that the user names is not there.
        DataError: it cannot be read, or is none of these.
    """
    document = _parsed(read_text(path, limit=LARGEST_DOCUMENT, reading=reading), path)
    if isinstance(document, Mapping) and _is_task(document):
        document = [document]
    if isinstance(document, list) and document and all(isinstance(each, Mapping) for each in document):
        return _of_objects(document, path, reading)
    if isinstance(document, Mapping) and _is_coco(document):
        return rows_of_coco({"annotations": [], "categories": [], **document}, path, reading=reading)
    if isinstance(document, Mapping) and is_megadetector(document):
        return rows_of_megadetector(document, path, reading=reading)
    if is_labelme(document):
        hint = f"labelme has a file for each picture: name the folder, {path.parent}"
        raise DataError("labels of one picture, as labelme has", where=path, hint=hint)
    found = some_names(document, most=5) if isinstance(document, Mapping) else type(document).__name__
    what = f"no kind of annotations that is known here (it holds {found or 'nothing'})"
    raise DataError(what, where=path, hint=_KNOWN)


def _is_coco(document: Mapping[str, Any]) -> bool:
    """Whether it is COCO's: pictures with annotations, or the list of pictures alone that test sets come with."""
    images = document.get("images")
    if not isinstance(images, list):
        return False
    listed_alone = bool(images) and all(
        isinstance(each, Mapping) and {"id", "file_name"} <= set(each) for each in images
    )
    return "annotations" in document or listed_alone


def read_json_lines(path: Path, *, reading: Reading) -> Table:
    """Read a file with an object a line, as Hugging Face's metadata.jsonl is.

    Raises:
        UsageError: a field that the user names is not there.
        DataError: it cannot be read, or a line holds no object.
    """
    objects = []
    for number, line in enumerate(read_text(path, limit=LARGEST_DOCUMENT, reading=reading).split("\n"), start=1):
        if line.strip():
            found = _parsed(line, path, line=number)
            if not isinstance(found, Mapping):
                raise DataError(f"no object in line {number:,}", where=path, hint=_KNOWN)
            objects.append(found)
    if not objects:
        raise DataError("the manifest has no rows", where=path, hint="Add a line with path and label for each picture.")
    return _of_objects(objects, path, reading)


def _of_objects(objects: _Objects, path: Path, reading: Reading) -> Table:
    kind: Callable[..., Table] = rows_of_tasks if any(map(_is_task, objects)) else rows_of_records
    return kind(objects, path, reading=reading)


def _is_task(each: Mapping[str, Any]) -> bool:
    answers = each.get("annotations", each.get("completions"))
    return isinstance(each.get("data"), Mapping) and isinstance(answers, list)


def _parsed(text: str, path: Path, *, line: int | None = None) -> object:
    try:
        if text.count("[") + text.count("{") > files.MOST_HOLDERS + len(text) // DENSEST:
            raise ValueError("too many parts for its length")  # noqa: TRY301
        return json.loads(text)
    except ValueError as error:
        place = f"line {line:,}: " if line else ""
        raise unreadable(path, ValueError(f"{place}{error}")) from error
