"""MegaDetector's JSON: pictures, and the boxes in which it has seen an animal, a person or a vehicle.

Source: "MegaDetector batch processing output format" of github.com/agentmorris/MegaDetector, versions 1.0 to 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart.data.box_columns import numbers_of
from tellapart.data.boxes import check_numbers
from tellapart.data.reading import Reading
from tellapart.data.tables import Table, TableRow, text_of
from tellapart.errors import DataError
from tellapart.text import counted
from tellapart.types import Box

CONFIDENCE: Final = 0.2  # what MegaDetector 5 gives as its typical threshold; a file may name another one
NOTHING: Final = "nothing detected"
COLUMNS: Final = ("category", "confidence")
_EXPORT: Final = "Run MegaDetector again."


def is_megadetector(document: Mapping[str, Any]) -> bool:
    """Whether a JSON document is of MegaDetector: pictures, none of which has annotations elsewhere."""
    images = document.get("images")
    return isinstance(images, list) and "detection_categories" in document and "annotations" not in document


def rows_of_megadetector(document: Mapping[str, Any], path: Path, *, reading: Reading) -> Table:
    """A row for each box of enough confidence; a picture without one is listed, and not looked at.

    Raises:
        DataError: it is to be trained on, which would need labels, or it is not what MegaDetector writes.
    """
    if not reading.unlabelled:
        what = "boxes of MegaDetector, which tell animals from people and vehicles, and not one animal from another"
        hint = f"`tellapart predict MODEL {path}` answers for each box; to train, give each box its species in a table."
        raise DataError(what, where=path, hint=hint)
    least = _least(document) if reading.confidence is None else reading.confidence
    names = document["detection_categories"]
    names = names if isinstance(names, Mapping) else {}
    rows: list[TableRow] = []
    for number, image in enumerate(document["images"], start=1):
        if not isinstance(image, Mapping) or not isinstance(image.get("file"), str):
            raise DataError(f"picture {number:,} has no file", where=path, hint=_EXPORT)
        rows += _rows(image, number, least=least, names=names, path=path) or [_without(image, number, least)]
    boxes = sum(row.box is not None for row in rows)
    empty = sum(row.left_out.startswith(NOTHING) for row in rows)
    note = (
        f"{counted(boxes, 'box', 'boxes')} of MegaDetector with a confidence of {least:g} or more (--confidence), "
        f"{counted(empty, 'picture')} without one."
    )
    if not boxes:
        raise DataError(f"no box with a confidence of {least:g} or more", where=path, hint="Give a lower --confidence.")
    return Table(
        rows=rows, layout="MegaDetector", notes=(note,), foreign=True, anywhere=True, sure=False, columns=COLUMNS
    )


def _least(document: Mapping[str, Any]) -> float:
    """The confidence from which on boxes count, as the file itself says, else CONFIDENCE."""
    info = document.get("info")
    about = info.get("detector_metadata") if isinstance(info, Mapping) else None
    said = about.get("typical_detection_threshold") if isinstance(about, Mapping) else None
    return float(said) if isinstance(said, int | float) and 0 <= said <= 1 else CONFIDENCE


def _rows(
    image: Mapping[str, Any], number: int, *, least: float, names: Mapping[str, Any], path: Path
) -> Sequence[TableRow]:
    rows, detections = list[TableRow](), image.get("detections")
    for detection in detections if isinstance(detections, list) else ():
        if not isinstance(detection, Mapping) or not isinstance(detection.get("conf"), int | float):
            raise DataError(f"a detection of picture {number:,} has no confidence", where=path, hint=_EXPORT)
        if detection["conf"] < least:
            continue
        source = f"picture {number:,}"
        numbers = numbers_of([detection.get("bbox")], source=source, where=path)
        if numbers is None:
            raise DataError(f"a detection of {source} has no box", where=path, hint=_EXPORT)
        left, top, width, height = numbers
        box = Box(left=left, top=top, width=width, height=height, unit="fractions", source=source)
        check_numbers(box, where=path)
        category = text_of(detection.get("category"))
        given = (text_of(names.get(category, category)), f"{detection['conf']:g}")
        rows.append(TableRow(number=number, path=image["file"], label="", split="", group="", box=box, given=given))
    return rows


def _without(image: Mapping[str, Any], number: int, least: float) -> TableRow:
    """The row of a picture that has no box."""
    failure = image.get("failure")
    reason = f"MegaDetector: {failure}" if failure else f"{NOTHING} with a confidence of {least:g} or more"
    given = ("",) * len(COLUMNS)
    return TableRow(number=number, path=image["file"], label="", split="", group="", given=given, left_out=reason)
